"""f, its gradient, its batches."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from replication.data import partition
from replication.devices import OneDevice
from replication.errors import DoesNotFitError
from replication.sharpness import Objective
from replication.sharpness.objective import gains_by_xla
from replication.weights import assign_weights, flatten_weights
from tests.sharpness import cases


def _data(examples=210, features=6):
    generator = np.random.default_rng(0)
    return generator.normal(size=(examples, features)).astype("float32"), np.arange(examples) % 3


def test_gradient_against_finite_differences_in_float64():
    keras.config.set_dtype_policy("float64")
    try:
        model = cases.normalized_network(models.BatchNormalization(dtype="float64"))
    finally:
        keras.config.set_dtype_policy("float32")
    inputs, labels = _data()
    objective = Objective(model, inputs.astype("float64"), labels, batch_size=50)
    loss, gradient = objective.value_and_gradient(objective.x)
    assert loss == pytest.approx(objective.value(objective.x), rel=1e-14)
    for i in np.random.default_rng(1).choice(len(objective.x), 20, replace=False):
        step = np.zeros_like(objective.x)
        step[i] = 1e-6
        difference = (objective.value(objective.x + step) - objective.value(objective.x - step)) / 2e-6
        assert gradient[i] == pytest.approx(difference, abs=1e-8)


@pytest.mark.parametrize("statistics", ["batch", "moving"])
def test_equals_evaluate_in_the_same_mode_and_batches(statistics):
    model = cases.normalized_network(models.BatchNormalization(statistics=statistics), dropout=0.5)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    inputs, labels = _data()
    model.fit(inputs, labels, epochs=3, batch_size=70, verbose=0)
    order, _ = partition(len(inputs), 70)
    loss, accuracy = model.evaluate(inputs[order], labels[order], batch_size=70, verbose=0)
    objective = Objective(model, inputs, labels, statistics=statistics, batch_size=70)
    ours = objective.value_and_accuracy(flatten_weights(model))
    assert ours == pytest.approx((loss, accuracy), rel=1e-5)


def test_the_seed_decides_which_examples_share_a_batch():
    model = cases.normalized_network(models.BatchNormalization(statistics="batch"))
    model.compile("adam", "sparse_categorical_crossentropy")
    inputs, labels = _data()
    model.fit(inputs, labels, epochs=3, batch_size=70, verbose=0)
    values = []
    for seed in range(2):
        order, _ = partition(len(inputs), 70, seed)
        values.append(Objective(model, inputs, labels, batch_size=70, seed=seed).value(flatten_weights(model)))
        expected = model.evaluate(inputs[order], labels[order], batch_size=70, verbose=0)
        assert values[-1] == pytest.approx(expected, rel=1e-5)
    assert abs(values[0] - values[1]) > 1e-4


def test_is_a_function_of_x_alone():
    model = cases.normalized_network(models.BatchNormalization())
    inputs, labels = _data()
    objective = Objective(model, inputs, labels)
    x = objective.x + 0.01
    value = objective.value(x)
    assign_weights(model, x)
    assert Objective(model, inputs, labels).value(flatten_weights(model)) == pytest.approx(value, rel=1e-6)
    assert value != objective.value(objective.x)


def test_class_sorted_data_give_the_same_f_as_shuffled():
    """Batches sorted by class would have statistics of one class only."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 2000)
    inputs = (generator.normal(size=(6000, 6)) + 2 * labels[:, None]).astype("float32")
    model = cases.normalized_network(models.BatchNormalization())
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    order = generator.permutation(6000)
    model.fit(inputs[order], labels[order], epochs=5, batch_size=500, verbose=0)
    x = flatten_weights(model)
    sorted_loss, sorted_accuracy = Objective(model, inputs, labels, batch_size=500).value_and_accuracy(x)
    loss, accuracy = Objective(model, inputs[order], labels[order], batch_size=500).value_and_accuracy(x)
    assert sorted_loss == pytest.approx(loss, rel=0.02)
    assert sorted_accuracy == pytest.approx(accuracy, abs=0.01)
    assert model.evaluate(inputs, labels, batch_size=500, verbose=0) > 1.5 * loss, "the trap is real"


def test_gradient_reaches_weights_at_confident_minimizers():
    """Probabilities clipped at 1e-7 would have no gradient where the network is sure."""
    inputs = np.array([[1.0], [-1.0]] * 10, "float32")
    labels = np.array([0, 1] * 10)
    model = cases.regression_model(np.array([18.0, -18.0, 0.0, 0.0]), 1, dtype="float32")
    _, gradient = Objective(model, inputs, labels).value_and_gradient(flatten_weights(model))
    expected = cases.loss_and_gradient(np.array([18.0, -18.0, 0.0, 0.0]), inputs, labels)[1]
    assert 0 < np.abs(expected).max() < 1e-12
    assert gradient[:2] == pytest.approx(expected[:2], rel=1e-3)


def test_a_pass_is_a_call_a_batch():
    """So that a signal, which Python acts on between two calls, ends it within a batch."""
    model = cases.normalized_network(models.BatchNormalization())
    objective, calls = Objective(model, *_data(), batch_size=50), []
    add = objective._add_gradient(42)
    objective._add_gradient = lambda size: lambda start, *rest: calls.append(int(start)) or add(start, *rest)
    objective.value_and_gradient(objective.x)
    assert calls == [0, 42, 84, 126, 168]


@pytest.mark.parametrize("batch_size", [210, 50, 60])
def test_with_xla_it_is_the_same_function(batch_size):
    """Without kinks: at one of ReLU's, rounding decides which of two gradients is taken."""
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(30, activation="tanh"), models.BatchNormalization(),
                              keras.layers.Dense(20, activation="tanh"), keras.layers.BatchNormalization(),
                              keras.layers.Dense(3, activation="softmax")])
    plain, compiled = (Objective(model, *_data(), batch_size=batch_size, jit_compile=on) for on in (False, True))
    assert compiled.jit_compile and not plain.jit_compile
    (value, gradient), (other, other_gradient) = (
        objective.value_and_gradient(objective.x) for objective in (plain, compiled))
    assert other == pytest.approx(value, rel=1e-6)
    assert np.linalg.norm(other_gradient - gradient) <= 1e-5 * np.linalg.norm(gradient)
    assert compiled.value_and_accuracy(plain.x) == pytest.approx(plain.value_and_accuracy(plain.x), rel=1e-6)
    again, again_gradient = compiled.value_and_gradient(plain.x)
    assert again == other and np.array_equal(again_gradient, other_gradient)


def _dense(activation="relu"):
    return keras.Sequential([keras.Input((784,)), keras.layers.Dense(512, activation=activation),
                             keras.layers.Dense(10, activation="softmax")])


class _Subclass(keras.Model):
    """Its call may do anything."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(600)
        self.build((None, 784))

    def call(self, inputs):
        return self.dense(inputs)


@pytest.mark.parametrize("model, size, gains", [
    (lambda: models.build("F1"), 60_000, True), (lambda: models.build("F1"), 4_000, False),
    (lambda: models.build("C1"), 50_000, False), (_dense, 60_000, True), (_dense, 6_000, False),
    (lambda: _dense(lambda x: tf.nn.relu(x)), 60_000, False), (lambda: _Subclass(), 60_000, False)])
def test_xla_is_for_large_passes_of_known_dense_layers(model, size, gains):
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("on a GPU XLA is off")
    assert gains_by_xla(model(), size, OneDevice()) == gains


def test_memory_that_is_exhausted_after_a_pass_that_fitted_is_told(monkeypatch):
    objective = Objective(cases.dense(), cases.INPUTS, cases.LABELS)
    objective.value(objective.x)

    def exhausted(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")

    monkeypatch.setattr(objective, "_mean", exhausted)
    with pytest.raises(DoesNotFitError, match="do not fit into memory"):
        objective.value(objective.x)


def test_one_batch_is_a_batch_of_the_whole_set():
    model = cases.normalized_network(models.BatchNormalization())
    inputs, labels = _data()
    one, explicit, three = (Objective(model, inputs, labels, batch_size=size) for size in ("all", 210, 70))
    assert one.value(one.x) == explicit.value(one.x) != three.value(one.x)


def test_active_dropout_is_a_function_of_x_with_masks_of_each_batch():
    model = cases.normalized_network(models.BatchNormalization(), dropout=0.5)
    inputs, labels = _data()
    active = Objective(model, inputs, labels, batch_size=70, dropout_active=True)
    before = [np.array(v) for v in model.variables]
    value, gradient = active.value_and_gradient(active.x)
    assert value == active.value(active.x) == active.value_and_gradient(active.x)[0]
    assert value != Objective(model, inputs, labels, batch_size=70).value(active.x)
    direction = np.random.default_rng(0).normal(size=len(active.x))
    step = 1e-3 * direction / np.linalg.norm(direction)
    difference = active.value(active.x + step) - active.value(active.x - step)
    assert 2 * gradient @ step == pytest.approx(difference, rel=0.05)
    # By hand: the seeds of each batch are those of the layers plus the row at which it begins.
    order, _ = partition(len(inputs), 70)
    seeds, total = [v for v in model.variables if "seed_generator" in v.path], 0.0
    states = [np.array(v) for v in seeds]
    for start in (0, 70, 140):
        for variable, state in zip(seeds, states):
            variable.assign(state + np.array([0, start], state.dtype))
        rows = order[start:start + 70]
        outputs = model(inputs[rows], training=True)
        total += float(tf.reduce_sum(keras.losses.sparse_categorical_crossentropy(labels[rows], outputs)))
    assert value == pytest.approx(total / 210, rel=1e-5)
    for variable, array in zip(model.variables, before):
        variable.assign(array)
    assert active.value(active.x) == value
