"""The ends of a run: by the loss, by the training accuracy, and one run that serves them all."""

import dataclasses
import types

import absl.flags
import numpy as np
import pytest
import tensorflow as tf

from replication import configuration, files, records, training
from replication.configuration.tasks import STOPS, measured_epochs, scheduled_epochs
from replication.errors import UserError
from replication.training.callbacks import Stopping, StopWhenNotFinite
from replication.training.evaluation import EvaluationWatch
from tests import forked, networks
from tests.scripts import script

RUN = configuration.Run(network=networks.TWO_LAYERS, regime="LB", trial=0, dataset="digits", batch_size=359, patience=2,
                        min_improvement=0.6, max_epochs=6)
TARGET = 60.0
STUDY = dataclasses.replace(RUN, regime="grid", target_accuracy=TARGET, min_epochs=5)


def _train(run, folder, **options):
    return training.train(run, records.Workdir.create(folder), verbose=0, **options)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A run that goes on to the latest of its stops."""
    return _train(STUDY, tmp_path_factory.mktemp("study"), keep=(STOPS,))


def test_the_study_keeps_the_iterates_of_its_stops_alone(study):
    stops = study.result["stops"]
    assert stops["epochs"] == 5 and study.epochs == max(stops.values())
    assert [iterate.epoch for iterate in study.iterates()] == sorted(set(stops.values()))
    accuracies = [100 * row["train_accuracy"] for row in study.history]
    reached = next(row["epoch"] for row, accuracy in zip(study.history, accuracies) if accuracy >= TARGET)
    assert study.result["target_reached"] == reached
    assert stops["accuracy"] == min(reached, stops["ceased"])


@pytest.mark.parametrize("name, choices", [
    ("ceased", {}), ("accuracy", {"stop": "accuracy", "target_accuracy": TARGET}), ("epochs", {"epochs": 5})])
def test_an_iterate_at_a_stop_is_the_minimizer_of_a_run_that_stops_there(study, tmp_path, name, choices):
    record = _train(dataclasses.replace(RUN, **choices), tmp_path)
    assert record.epochs == study.result["stops"][name]
    iterate = study.iterate(record.epochs)
    assert iterate.checksum == files.file_checksum(record.final_weights)
    if name == "accuracy":
        assert record.result["stop"] == "the training accuracy reached 60 %"
        assert record.result["batch"]["train_accuracy"] == record.history[-1]["train_accuracy"]


def test_a_target_that_is_never_reached_leaves_the_end_to_the_loss(tmp_path):
    run = dataclasses.replace(RUN, stop="accuracy", target_accuracy=100.0, max_epochs=2)
    record = _train(run, tmp_path)
    assert record.epochs == 2 and record.result["target_reached"] is None
    assert record.result["stop"] == "the training accuracy never reached 100 %; the upper bound of 2 epochs"


def _rows(losses, accuracies=()):
    return [{"epoch": number, "loss": loss, **({"train_accuracy": accuracies[number - 1]} if accuracies else {})}
            for number, loss in enumerate(losses, 1)]


def test_stops_follow_from_the_history_alone():
    rows = _rows([1.0, 0.9, 0.8, 0.1, 0.09, 0.08], [0.2, 0.3, 0.5, 0.7, 0.8, 0.9])
    stopping = Stopping(dataclasses.replace(STUDY, min_epochs=6), rows, None)
    # The loss has ceased after epoch 3, and falls again.
    assert stopping.stops == {"ceased": 3, "accuracy": 3, "epochs": 6} and stopping.reached == 4 and stopping.ended
    assert not Stopping(dataclasses.replace(STUDY, min_epochs=6), rows[:5], None).ended
    assert Stopping(RUN, rows[:3], None).ended and Stopping(RUN, rows, None).stops == {}
    # A fixed number of epochs ends before the loss has ceased to improve.
    fixed = dataclasses.replace(STUDY, min_epochs=0, epochs=2)
    assert Stopping(fixed, rows[:2], None).stops == {} and Stopping(fixed, rows[:2], None).reached is None


def test_an_accuracy_that_float32_rounds_down_reaches_its_target():
    """The paper's mean of F1's SB is that of 59,796 of 60,000 images."""
    run = dataclasses.replace(RUN, stop="accuracy", target_accuracy=99.66)
    for right, reached in ((59_795, None), (59_796, 1)):
        assert Stopping(run, _rows([1.0], [float(np.float32(right / 60_000))]), None).reached == reached
    falling = _rows([1.0, 0.5, 0.2], [0.2, 0.3, 0.9])
    # When the loss of a run that its accuracy has ended would have ceased to improve is not known.
    assert Stopping(dataclasses.replace(STUDY, stop="accuracy", min_epochs=0), falling, None).stops == {"accuracy": 3}


def test_epochs_of_a_schedule_of_stops():
    assert scheduled_epochs([STOPS, 4], 9, (3, 7)) == [3, 4, 7, 8]
    assert measured_epochs(STOPS, 9, (3, 7)) == [3, 7]


@pytest.mark.parametrize("choices, words", [
    ({"stop": "accuracy"}, "target_accuracy=None"),
    ({"stop": "accuracy", "target_accuracy": 50.0, "epochs": 3}, "expected ceased .the default. with epochs"),
    ({"min_epochs": 7}, "min_epochs=7"), ({"target_accuracy": 101.0}, "target_accuracy=101.0"),
    ({"optimizer": "sgd", "adam_epsilon": 1e-8}, "adam_epsilon")])
def test_choices_that_do_not_fit(choices, words):
    with pytest.raises(UserError, match=words):
        dataclasses.replace(RUN, **choices)


@pytest.mark.parametrize("arguments, words", [
    (["--stop=accuracy", "--dataset=digits"], "--stop=accuracy: table 2 has no training accuracy of F1 SB on digits"),
    (["--stop=accuracy", "--regime=grid", "--batch_size=64"], "--stop=accuracy: table 2 has no"),
    (["--stop=epochs", "--epochs=3"], "--stop=epochs: decides the end of the run")])
def test_stops_that_cannot_be(tmp_path, arguments, words):
    answer = script("train", "--network=F1", f"--workdir={tmp_path / 'work'}", *arguments)
    assert answer.returncode == 1 and answer.stderr.startswith(f"error: {words}") and answer.stderr.count("\n") == 1


def _run_of(arguments):
    """The run that flags describe, in a process of its own: each defines them anew."""
    import flags.training

    absl.flags.FLAGS(["train", "--network=F1", *arguments])
    return flags.training.run(lambda *_: False, lambda: 0)


def test_stops_of_the_flag_resolve_to_choices_of_the_run():
    def described(*arguments):
        return forked.call(_run_of, arguments)

    assert described("--stop=epochs") == described("--epochs=20")
    for regime, accuracy in (("SB", 99.66), ("LB", 99.92)):
        run = described("--stop=accuracy", f"--regime={regime}")
        assert (run.epochs, run.stop, run.target_accuracy) == (None, "accuracy", accuracy)
    assert described("--stop=ceased") == described()


@pytest.mark.parametrize("loss, failed", [(0.5, False), (float("nan"), True), (float("inf"), True)])
def test_only_a_loss_that_is_not_finite_fails_a_run(loss, failed):
    """A user's callback may have asked for the end of the run before."""
    callback = StopWhenNotFinite()
    callback.set_model(types.SimpleNamespace(stop_training=True))
    callback.on_epoch_begin(6)
    callback.on_train_batch_end(0, {"loss": loss})
    assert (callback.failure is not None) == failed
    assert not failed or callback.failure == f"the training loss became {loss} in epoch 7, batch 1"


def test_fit_evaluates_in_full_precision():
    """XLA keeps the precision with which it has compiled the evaluation."""
    is_enabled, watch = tf.config.experimental.tensor_float_32_execution_enabled, EvaluationWatch()
    before = is_enabled()
    for _ in range(2):
        watch.on_test_begin()
        assert watch.is_evaluating and not is_enabled()
        watch.on_test_end()
        assert not watch.is_evaluating and is_enabled() == before
