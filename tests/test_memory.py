"""A batch that does not fit into memory ends with one line that says what would fit."""

import contextlib
import dataclasses
import types

import keras
import numpy as np
import psutil
import pytest
import tensorflow as tf

import models
from replication import configuration, memory, records, remedies, training
from replication.errors import UserError
from replication.sharpness import Objective, measure_sharpness
from replication.training.evaluation import Evaluation
from replication.training.model import TrainingModel
from replication.weights import build_network
from tests import networks


def test_the_outputs_of_all_layers_are_counted():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, dtype="mixed_bfloat16")(inputs)
    model = keras.Model(inputs, [keras.layers.Dense(2)(hidden), hidden])
    assert memory.peak_bytes(model) == 4 * 4 + 2 * 3 + 4 * 2 + 2 * 4 * 4
    sequential = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.ReLU()])
    assert memory.peak_bytes(sequential) == 4 * (3 + 3) + 2 * 4 * 3, "the input of a Sequential is no layer"
    assert memory.peak_bytes(keras.Sequential([keras.Input((4,)), sequential])) == 4 * (3 + 3) + 2 * 4 * 3


def test_c2_takes_some_megabytes_per_example():
    largest = 4 * 32 * 32 * 64
    assert 3.3e6 < memory.peak_bytes(models.build("C2")) - 2 * largest < 5e6


def test_a_model_that_is_not_a_graph_counts_as_zero():
    class Custom(keras.Model):
        def call(self, inputs):
            return inputs

    assert memory.peak_bytes(Custom()) == 0


def test_available_memory_is_that_of_the_machine_at_most():
    assert 0 < memory.available() <= psutil.virtual_memory().total


V1 = "memory/", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
V2 = "", "memory.max", "memory.current", "inactive_file"


@pytest.mark.parametrize("version, membership, limits, left", [
    (V2, "0::/a/b", {"": "max", "a": 5000, "a/b": 9000}, 4100),
    (V2, "0::/a/b", {"": "max", "a": 9000, "a/b": 5000}, 4100),
    (V2, "0::/", {"": 5000}, 4100),
    (V2, "0::/host/path", {"": 5000}, 4100),
    (V1, "9:cpu,cpuacct:/\n4:memory:/a/b\n0::/", {"": 2**63 - 4096, "a": 5000, "a/b": 2**63 - 4096}, 4100),
    (V1, "4:memory:/docker/x", {"": 5000}, 4100),
    (V2, "0::/a", {"a": "max"}, None),
    (V2, "0::/a", {}, None),
])
def test_the_tightest_control_group_counts(tmp_path, monkeypatch, version, membership, limits, left):
    controller, limit, usage, cache = version
    for group, value in limits.items():
        folder = tmp_path / "cgroup" / controller / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / limit).write_text(f"{value}\n")
        (folder / usage).write_text("1000\n")
        (folder / "memory.stat").write_text(f"anon 7\n{cache} 100\n")
    (tmp_path / "self").write_text(membership + "\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_MEMBERSHIP", tmp_path / "self")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: types.SimpleNamespace(available=10**12))
    assert memory.available() == (10**12 if left is None else left)


def test_training_says_what_would_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 20_000_000)
    run = configuration.Run(network="F1", regime="LB", trial=0, dataset="digits", batch_size=1437, epochs=1)
    with pytest.raises(UserError, match=r"batch_size=1437: the activations of F1 .* about \d{3} would fit"):
        training.train(run, records.Workdir.create(tmp_path / "work"), verbose=0)


@pytest.mark.parametrize("remedy, fits", [
    (None, True), (remedies.Stability(), False), (remedies.SharpnessAware(examples=100), True),
    (remedies.GhostNormalization(examples=100), True), (remedies.Imitation(ghost=True, small_batch=100), True)])
def test_a_remedy_holds_the_activations_of_its_parts_or_passes(tmp_path, monkeypatch, remedy, fits):
    """With memory for 1,000 examples; the parts fit into that for 110."""
    run = configuration.Run(network=networks.ONE_LAYER, regime="LB", trial=0, dataset="digits", batch_size=1000,
                            epochs=1, remedy=remedy)
    each = memory.peak_bytes(build_network(run))
    in_parts = remedy is not None and fits
    monkeypatch.setattr(memory, "available", lambda: each * (110 if in_parts else 1000))
    # Evaluations hold two outputs at a time, of all examples.
    monkeypatch.setattr(training.evaluation.Evaluation, "fitting", contextlib.nullcontext)
    refused = pytest.raises(UserError, match="batch_size=1000: .* about 500 would fit")
    with contextlib.nullcontext() if fits else refused:
        training.train(run, records.Workdir.create(tmp_path), verbose=0)


def test_parts_that_do_not_fit_are_named(tmp_path, monkeypatch):
    run = configuration.Run(network=networks.ONE_LAYER, regime="LB", trial=0, dataset="digits", batch_size=1000,
                            epochs=1, remedy=remedies.SharpnessAware(examples=100))
    each = memory.peak_bytes(build_network(run))
    monkeypatch.setattr(memory, "available", lambda: each * 50)
    monkeypatch.setattr(training.evaluation.Evaluation, "fitting", contextlib.nullcontext)
    with pytest.raises(UserError, match="size of the remedy's parts=100: .* about 50 would fit"):
        training.train(run, records.Workdir.create(tmp_path), verbose=0)


def test_a_measurement_says_what_would_fit_before_its_first_pass(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1000)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    with pytest.raises(UserError, match=r"batch_size=300: .* about \d+ would fit"):
        measure_sharpness(model, np.zeros((300, 4), np.float32), np.zeros(300, int))


@pytest.mark.parametrize("room, words", [
    (11_000, "about 183 would fit"), (30, "not even one fits"), (-1_000, "0.0 GB are available; not even one fits")])
def test_the_estimated_peak_must_fit(monkeypatch, room, words):
    monkeypatch.setattr(memory, "available", lambda: room)
    # 28 bytes an example, and twice the 16 of the largest layer.
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(4)])
    with pytest.raises(UserError, match=words), memory.guard(model, 300):
        pytest.fail("it began")


def _exhausted(*arguments, **options):
    raise tf.errors.ResourceExhaustedError(None, None, "out of memory")


RUN = configuration.Run(network=networks.ONE_LAYER, regime="LB", trial=0, dataset="digits", batch_size=359, epochs=1)


@pytest.mark.parametrize("where, name", [
    ("on_test_batch_begin", "evaluation_batch_size=1437"), ("on_train_batch_begin", "batch_size=359")])
def test_exhaustion_in_training_names_the_batch_to_blame(tmp_path, monkeypatch, where, name):
    monkeypatch.setattr(f"replication.training.callbacks.History.{where}", _exhausted)
    with pytest.raises(UserError, match=f"^{name}: the activations of S1"):
        training.train(RUN, records.Workdir.create(tmp_path / "work"), verbose=0)


def test_exhaustion_in_the_evaluation_of_a_stop(tmp_path, monkeypatch):
    evaluate = TrainingModel.evaluate

    def exhausted(self, *arguments, callbacks=(), **options):
        # That of the test set, by `fit`.
        if "_use_cached_eval_dataset" in options:
            return evaluate(self, *arguments, callbacks=callbacks, **options)
        for callback in callbacks:
            callback.on_test_begin()
        return _exhausted()

    monkeypatch.setattr(TrainingModel, "evaluate", exhausted)
    run = dataclasses.replace(RUN, epochs=None, stop="accuracy", target_accuracy=99.0)
    with pytest.raises(UserError, match="^evaluation_batch_size=1437: the activations of S1"):
        training.train(run, records.Workdir.create(tmp_path / "work"), verbose=0)


def test_exhaustion_in_the_last_evaluation(tmp_path, monkeypatch):
    """The next run of the process trains with the precision that it would have had."""
    is_enabled = tf.config.experimental.tensor_float_32_execution_enabled

    def exhausted(self, statistics):
        self.watch.on_test_begin()
        _exhausted()

    before = is_enabled()
    monkeypatch.setattr(Evaluation, "metrics", exhausted)
    with pytest.raises(UserError, match="^evaluation_batch_size=1437: the activations of S1"):
        training.train(RUN, records.Workdir.create(tmp_path / "work"), verbose=0)
    assert is_enabled() == before


@pytest.mark.parametrize("function, call", [("_loss_and_hits", "value"),
                                            ("_loss_and_gradient", "value_and_gradient")])
def test_exhaustion_in_a_measurement(monkeypatch, function, call):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    monkeypatch.setattr(Objective, function, _exhausted)
    objective = Objective(model, np.zeros((300, 4), np.float32), np.zeros(300, int))
    with pytest.raises(UserError, match="^batch_size=300: the activations"):
        getattr(objective, call)(objective.x)


def test_a_forward_pass_holds_two_outputs_at_a_time(monkeypatch):
    model = keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(50) for _ in range(9))])
    monkeypatch.setattr(memory, "available", lambda: 100 * 4 * (50 + 50))
    with memory.guard(model, 100, backward=False):
        pass
    with pytest.raises(UserError, match="about 100 would fit"), memory.guard(model, 101, backward=False):
        pytest.fail("it began")


def test_other_errors_inside_tensorflow_stay():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(tf.errors.InternalError), memory.guard(model, 5):
        raise tf.errors.InternalError(None, None, "a bug")


def test_exhaustion_on_the_device_gives_the_same_message():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(UserError, match="batch_size=5: the activations .* do not fit"), memory.guard(model, 5):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")
