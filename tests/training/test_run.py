"""A training run: its record, its repetition, its resumption and its failure."""

import collections
import contextlib
import dataclasses
import shutil
import time

import keras
import numpy as np
import pytest

from replication import configuration, data, files, machine, records, training
from replication.errors import BusyError, MissingDataError, TrainingFailedError, UserError
from replication.training import state
from replication.training.model import TrainingModel
from replication.weights import load_minimizer
from tests import forked, networks

RUN = configuration.Run(network=networks.TWO_LAYERS, regime="LB", trial=0, dataset="digits", batch_size=359, epochs=2)


def _train(run, folder, **options):
    return training.train(run, records.Workdir.create(folder), verbose=0, **options)


def _without_times(record):
    result = {k: v for k, v in record.result.items() if k not in ("seconds", "checksums")}
    history = [{k: v for k, v in row.items() if k != "seconds"} for row in record.history]
    return result, history, files.file_checksum(record.final_weights), files.file_checksum(record.initial_weights)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return _train(RUN, tmp_path_factory.mktemp("trained"))


def test_record_is_complete(trained):
    assert trained.name == RUN.name
    assert trained.configuration == RUN
    assert trained.config["data"]["name"] == "digits"
    result = trained.result
    assert result["epochs"] == 2
    assert result["stop"] == "2 epochs were asked for"
    assert result["parameters"] == 26_634
    assert [row["epoch"] for row in trained.history] == [1, 2]
    assert not trained.state.parent.exists()
    trained.check()


def test_recorded_figures_are_those_of_the_minimizer(trained):
    from replication.sharpness import Objective

    dataset = data.load("digits")
    model = load_minimizer(trained)
    for statistics in ("batch", "moving"):
        expected = trained.result[statistics]
        for split, inputs, labels in (("train", dataset.train_inputs, dataset.train_labels),
                                      ("test", dataset.test_inputs, dataset.test_labels)):
            objective = Objective(model, inputs, labels, statistics=statistics)
            assert objective.value_and_accuracy(objective.x) == pytest.approx(
                (expected[f"{split}_loss"], expected[f"{split}_accuracy"]), rel=1e-5)


def test_each_step_is_traced_once(tmp_path, monkeypatch):
    """The sets share the evaluation of each model: one for the run's statistics and one for the others."""
    traces = collections.Counter()
    for name in ("train_step", "test_step"):
        step = getattr(TrainingModel, name)
        monkeypatch.setattr(TrainingModel, name, lambda *arguments, _name=name, _step=step: (
            traces.update([_name]), _step(*arguments))[1])
    _train(dataclasses.replace(RUN, trial=1, epochs=1), tmp_path)
    assert traces == {"train_step": 1, "test_step": 2}


def test_distance_is_between_the_two_files(trained):
    final, initial = load_minimizer(trained), load_minimizer(trained)
    initial.load_weights(trained.initial_weights)
    gap = np.sqrt(sum(np.sum((a.numpy() - b.numpy()) ** 2.0)
                      for a, b in zip(final.trainable_variables, initial.trainable_variables)))
    assert trained.result["distance_from_start"] == pytest.approx(gap, rel=1e-6)


def test_same_seed_same_run_another_seed_another(trained, tmp_path):
    assert _without_times(_train(RUN, tmp_path)) == _without_times(trained)
    other = _train(dataclasses.replace(RUN, trial=1), tmp_path)
    assert other.result["batch"] != trained.result["batch"]


def test_small_and_large_batches_share_the_starting_point(trained, tmp_path):
    small = _train(dataclasses.replace(RUN, regime="SB", batch_size=64, epochs=0), tmp_path)
    assert files.file_checksum(small.initial_weights) == files.file_checksum(trained.initial_weights)
    assert small.result["distance_from_start"] == 0


def test_finished_run_is_not_repeated(trained):
    before = {path: path.stat().st_mtime_ns for path in trained.folder.rglob("*") if path.name != ".lock"}
    _train(RUN, trained.folder.parent.parent)
    assert {path: path.stat().st_mtime_ns for path in trained.folder.rglob("*") if path.name != ".lock"} == before


def test_stopping_rule_ends_the_run_and_says_why(tmp_path):
    run = dataclasses.replace(RUN, epochs=None, max_epochs=30, patience=1, min_improvement=0.9)
    record = _train(run, tmp_path)
    losses = [row["loss"] for row in record.history]
    assert record.result["epochs"] == len(losses) < 30
    assert losses[-1] > 0.1 * losses[-2]
    assert "ceased to improve" in record.result["stop"]
    bounded = _train(dataclasses.replace(run, max_epochs=1), tmp_path)
    assert bounded.result["stop"] == "the upper bound of 1 epochs"


def test_a_callback_that_ends_the_training_is_in_the_record(tmp_path):
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(callback.model, "stop_training", True))
    for run in (dataclasses.replace(RUN, epochs=6), dataclasses.replace(RUN, epochs=None, max_epochs=6)):
        record = _train(run, tmp_path, callbacks=[callback])
        assert record.epochs == 1 and record.result["stop"] == "a callback ended it after 1 epochs"


def test_killed_run_resumes_to_the_same_bits(tmp_path):
    run = dataclasses.replace(RUN, epochs=6)
    undisturbed = _train(run, tmp_path / "undisturbed")
    record = records.Workdir.create(tmp_path / "killed").run(run)
    process = forked.Child(_train, run, tmp_path / "killed")
    while not record.state.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert not record.is_finished
    resumed = _train(run, tmp_path / "killed")
    assert _without_times(resumed) == _without_times(undisturbed)


def test_a_run_that_goes_on_elsewhere_tells_so(tmp_path, monkeypatch, trained):
    class Killed(Exception):
        pass

    hardware, save = machine.hardware(), state.SaveState.on_epoch_end

    def save_and_die(self, epoch, logs=None):
        save(self, epoch, logs)
        raise Killed

    run = dataclasses.replace(RUN, epochs=3)
    for processors, on_epoch_end in ((1, save_and_die), (2, save_and_die), (2, save)):
        with monkeypatch.context() as patched, contextlib.suppress(Killed):
            there = {**hardware, "processors": processors}
            patched.setattr(machine, "hardware", lambda there=there: there)
            patched.setattr(state.SaveState, "on_epoch_end", on_epoch_end)
            record = _train(run, tmp_path)
    config, (session,) = record.config, record.result["sessions"]
    assert config["machine"]["processors"] == 1
    assert session == {"from_epoch": 2, "versions": config["versions"],
                       "machine": {**config["machine"], "processors": 2}}
    assert "sessions" not in trained.result


def test_damaged_state_is_named_and_not_used(tmp_path):
    record = records.Workdir.create(tmp_path).run(RUN)
    record.state.parent.mkdir(parents=True)
    record.state.write_bytes(b"PK\x03\x04 truncated")
    with pytest.raises(UserError, match="state.npz: damaged"):
        _train(RUN, tmp_path)


def test_diverging_run_leaves_a_failure_record(tmp_path):
    run = dataclasses.replace(RUN, optimizer="sgd", learning_rate=1e30)
    with pytest.raises(TrainingFailedError, match="became (nan|inf) in epoch"):
        _train(run, tmp_path)
    workdir = records.Workdir.open(tmp_path)
    assert workdir.runs() == ([], [])
    assert "epoch" in workdir.failures()[0][run.name]


def test_weights_that_the_last_step_has_blown_up_are_a_failure(tmp_path):
    """The training loss that fit reports is that of the weights before the step."""
    run = dataclasses.replace(RUN, optimizer="sgd", learning_rate=1e38, batch_size=1437, epochs=1)
    with pytest.raises(TrainingFailedError, match="epoch 1: .*not finite"):
        _train(run, tmp_path)
    workdir = records.Workdir.open(tmp_path)
    assert workdir.runs() == ([], []) and list(workdir.failures()[0]) == [run.name]


def test_a_run_whose_data_are_missing_leaves_nothing_to_complain_about(tmp_path):
    workdir = records.Workdir.create(tmp_path / "work")
    run = dataclasses.replace(RUN, dataset="mnist")
    with pytest.raises(MissingDataError):
        training.train(run, workdir, data_dir=tmp_path, verbose=0)
    assert workdir.runs() == ([], [])


def test_second_process_on_the_same_run_is_refused(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    with workdir.run(RUN).lock(wait=False), pytest.raises(BusyError, match="another process"):
        _train(RUN, tmp_path)


def test_other_data_under_the_same_name_are_refused(tmp_path):
    record = records.Workdir.create(tmp_path).run(RUN)
    files.write_json(record.folder / "config.json", {"configuration": RUN.to_json(), "data": {"name": "digits"}})
    with pytest.raises(UserError, match="other data"):
        _train(RUN, tmp_path)


def test_a_finished_run_on_other_data_is_refused(trained, tmp_path, caplog):
    shutil.copytree(trained.folder, tmp_path / "runs" / trained.name)
    assert _train(RUN, tmp_path).is_finished
    config = tmp_path / "runs" / trained.name / "config.json"
    files.write_json(config, {**trained.config, "data": {**trained.config["data"], "fingerprint": "other"}})
    assert _train(RUN, tmp_path).is_finished, "it needs no data"
    with pytest.raises(UserError, match="other data"):
        _train(RUN, tmp_path, dataset=data.load("digits"))
    # Its configuration can be repeated on the data that are there.
    epochless = dataclasses.replace(RUN, epochs=0)
    _train(epochless, tmp_path / "again", recorded_data=trained.config["data"])
    assert "other data" not in caplog.text
    _train(dataclasses.replace(epochless, trial=1), tmp_path / "again", recorded_data=records.read_data(config))
    assert "the run that is repeated was trained on other data than the digits" in caplog.text
