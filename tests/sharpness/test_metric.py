"""Metric 2.1 against brute force, at minimizers, and its self-checks."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from replication import configuration
from replication.sharpness import Objective, compute, measure_sharpness
from replication.sharpness.subspace import RandomSubspace
from tests.sharpness import cases

SHAPES = [(1, 2), (2, 2), (2, 3), (3, 3), (2, 4)]


@functools.cache
def _objective(features, classes):
    inputs, labels = cases.softmax_regression(features, classes, seed=1)
    theta = np.random.default_rng(2).normal(size=(features + 1) * classes)
    return Objective(cases.regression_model(theta, features), inputs, labels)


@pytest.mark.parametrize("epsilon", [1e-3, 5e-4, 0.1])
@pytest.mark.parametrize("features, classes", SHAPES)
def test_equals_brute_force_over_all_corners(features, classes, epsilon):
    inputs, labels = cases.softmax_regression(features, classes, seed=1)
    theta = np.random.default_rng(2).normal(size=(features + 1) * classes)
    result = compute(_objective(features, classes), configuration.Sharpness(epsilon=epsilon))
    assert result.sharpness == pytest.approx(cases.brute_force_sharpness(theta, inputs, labels, epsilon), rel=1e-4)


@pytest.mark.parametrize("features, classes", SHAPES)
def test_equals_brute_force_at_a_minimizer(features, classes):
    """There f is nearly quadratic in the box and has many corners that are local maxima."""
    inputs, labels = cases.softmax_regression(features, classes, seed=3)
    theta = cases.minimizer(inputs, labels, classes)
    assert np.abs(cases.loss_and_gradient(theta, inputs, labels)[1]).max() < 1e-7
    result = measure_sharpness(cases.regression_model(theta, features), inputs, labels, epsilon=1e-3, starts=32)
    assert result.sharpness == pytest.approx(cases.brute_force_sharpness(theta, inputs, labels, 1e-3), rel=1e-4)


@pytest.mark.parametrize("subspace_dim", [None, 4])
def test_the_worst_point_has_the_largest_loss(subspace_dim):
    inputs, labels = cases.softmax_regression(2, 3, seed=1)
    theta = np.random.default_rng(2).normal(size=9)
    result = measure_sharpness(cases.regression_model(theta, 2), inputs, labels, subspace_dim=subspace_dim)
    assert cases.loss_and_gradient(result.worst, inputs, labels)[0] == pytest.approx(result.max_loss, rel=1e-12)
    assert result.max_loss > result.loss and "worst" not in result.to_json()


@pytest.mark.parametrize("minimize", [False, True])
@pytest.mark.parametrize("p, distribution", [(1, "normal"), (6, "normal"), (6, "uniform")])
def test_equals_brute_force_in_a_subspace(p, distribution, minimize):
    inputs, labels = cases.softmax_regression(3, 3, seed=4)
    theta = cases.minimizer(inputs, labels, 3) if minimize else np.random.default_rng(5).normal(size=12)
    result = measure_sharpness(cases.regression_model(theta, 3), inputs, labels, epsilon=1e-2, subspace_dim=p,
                               subspace_distribution=distribution, starts=16, seed=6)
    matrix = RandomSubspace(12, p, distribution=distribution, seed=6) @ np.eye(p)
    expected = cases.brute_force_sharpness(theta, inputs, labels, 1e-2, matrix)
    assert result.sharpness == pytest.approx(expected, rel=1e-6)


def test_a_gradient_of_zero_is_no_sharpness_of_zero():
    """At theta = 0 with balanced classes and mirrored inputs the gradient vanishes to the last bit."""
    half = np.random.default_rng(0).normal(size=(40, 2))
    inputs = np.concatenate([half, half, -half, -half])
    labels = np.repeat([0, 1, 0, 1], 40)
    theta = np.zeros(6)
    result = measure_sharpness(cases.regression_model(theta, 2), inputs, labels, epsilon=0.01)
    assert result.scale[0] != 0
    assert result.sharpness == pytest.approx(cases.brute_force_sharpness(theta, inputs, labels, 0.01), rel=1e-4)


def test_never_below_the_loss_and_consistent():
    inputs, labels = cases.softmax_regression(2, 3, seed=5)
    result = measure_sharpness(cases.regression_model(np.zeros(9), 2), inputs, labels)
    assert result.max_loss >= result.loss
    assert result.sharpness == (result.max_loss - result.loss) / (1 + result.loss) * 100
    assert result.max_loss == max(result.start_max_losses)
    assert 0 <= result.at_bound <= 1


def test_a_subspace_of_all_dimensions_has_a_box_of_its_own():
    """p = n: the best of all corners of the rotated box."""
    inputs, labels = cases.softmax_regression(2, 2, seed=6)
    theta = cases.minimizer(inputs, labels, 2)
    found = measure_sharpness(cases.regression_model(theta, 2), inputs, labels, subspace_dim=6, starts=16).sharpness
    matrix = RandomSubspace(6, 6, seed=0) @ np.eye(6)
    assert found == pytest.approx(cases.brute_force_sharpness(theta, inputs, labels, 1e-3, matrix), rel=1e-4)


def test_same_seed_same_measurement_another_seed_another_subspace():
    inputs, labels = cases.softmax_regression(3, 3, seed=7)
    model = cases.regression_model(np.random.default_rng(0).normal(size=12), 3)

    def measure(seed):
        return measure_sharpness(model, inputs, labels, subspace_dim=4, seed=seed).sharpness

    assert measure(1) == measure(1)
    assert measure(1) != measure(2)


@pytest.mark.parametrize("statistics", ["batch", "moving"])
@pytest.mark.parametrize("nested", [False, True])
def test_keras_normalization_is_governed_like_ours(statistics, nested):
    """Keras's own layer, also frozen or nested in a sub-model, gives the value of our layer."""
    inputs, labels, weights, ours = _our_normalization()
    theirs = cases.normalized_network(keras.layers.BatchNormalization(trainable=True), nested=nested)
    theirs.set_weights(weights)
    found = measure_sharpness(theirs, inputs, labels, statistics=statistics, batch_size=45)
    assert found.loss == ours[statistics].loss
    assert found.sharpness == ours[statistics].sharpness
    assert abs(ours["batch"].loss - ours["moving"].loss) > 1e-3


@functools.cache
def _our_normalization():
    """Inputs, labels, and the weights of a trained network with our layer, measured by either statistics."""
    generator = np.random.default_rng(0)
    inputs, labels = generator.normal(size=(90, 6)).astype("float32"), np.arange(90) % 3
    ours = cases.normalized_network(models.BatchNormalization(statistics="batch"))
    ours.compile("sgd", "sparse_categorical_crossentropy")
    ours.fit(inputs, labels, epochs=2, batch_size=30, verbose=0)
    return inputs, labels, ours.get_weights(), {
        statistics: measure_sharpness(ours, inputs, labels, statistics=statistics, batch_size=45)
        for statistics in ("batch", "moving")}


def _state(model):
    return [v.numpy().copy() for v in model.variables]


def test_model_is_bit_identical_after_a_measurement():
    model = cases.normalized_network(keras.layers.BatchNormalization(), dropout=0.5)
    inputs, labels = np.random.default_rng(0).normal(size=(60, 6)), np.arange(60) % 3
    before = _state(model)
    measure_sharpness(model, inputs, labels, statistics="batch")
    measure_sharpness(model, inputs, labels, statistics="moving", subspace_dim=3)
    assert all(np.array_equal(a, b) for a, b in zip(before, _state(model), strict=True))
    model(inputs, training=True)
    assert not all(np.array_equal(a, b) for a, b in zip(before, _state(model))), "the layers train as before"


def test_model_is_bit_identical_after_a_measurement_that_raised():
    model = cases.normalized_network(keras.layers.BatchNormalization(), dropout=0.5)
    inputs, labels = np.random.default_rng(0).normal(size=(60, 6)), np.arange(60) % 3
    before = _state(model)
    with pytest.raises(ValueError, match="epsilon=1e\\+38: f or its gradient is not finite"):
        measure_sharpness(model, inputs, labels, epsilon=1e38)
    assert all(np.array_equal(a, b) for a, b in zip(before, _state(model), strict=True))
    assert all("call" not in vars(layer) for layer in model.layers)


class _ActiveDropout(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, x):
        return keras.random.dropout(x, 0.5, seed=self.seed_generator)


class _TensorFlowNoise(keras.layers.Layer):
    def call(self, x):
        return x * tf.random.uniform(tf.shape(x), 0.5, 1.5)


@pytest.mark.parametrize("layer", [_ActiveDropout, _TensorFlowNoise])
def test_random_objective_is_an_error_that_says_so(layer):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), layer(),
                              keras.layers.Dense(3, activation="softmax")])
    before = _state(model)
    with pytest.raises(ValueError, match="deterministic"):
        measure_sharpness(model, np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 3)
    assert all(np.array_equal(a, b) for a, b in zip(before, _state(model), strict=True))


@tf.custom_gradient
def _with_wrong_gradient(x):
    return x, lambda upstream: -upstream


class _WrongGradient(keras.layers.Layer):
    def call(self, x):
        return _with_wrong_gradient(x)


def test_wrong_gradient_is_an_error_that_says_so():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="tanh"), _WrongGradient(),
                              keras.layers.Dense(3, activation="softmax")])
    model.layers[-1].trainable = False
    with pytest.raises(ValueError, match="gradient of f is wrong"):
        measure_sharpness(model, np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 3)


def test_logits_and_probabilities_agree():
    theta = np.random.default_rng(0).normal(size=9)
    inputs, labels = cases.softmax_regression(2, 3, seed=8)
    logits = keras.Sequential([keras.Input((2,), dtype="float64"), keras.layers.Dense(3, dtype="float64")])
    logits.set_weights([theta[:6].reshape(2, 3), theta[6:]])
    a = measure_sharpness(cases.regression_model(theta, 2), inputs, labels)
    b = measure_sharpness(logits, inputs, labels, from_logits=True)
    assert a.sharpness == pytest.approx(b.sharpness, rel=1e-9)
    with pytest.raises(ValueError, match="from_logits=True"):
        measure_sharpness(logits, inputs, labels)


@pytest.mark.parametrize("arguments, message", [
    ({"epsilon": 0}, "epsilon=0"), ({"epsilon": float("nan")}, "epsilon=nan"), ({"epsilon": "a"}, "epsilon='a'"),
    ({"subspace_dim": -1}, "subspace_dim=-1"), ({"subspace_dim": 7}, "at most n=6"),
    ({"batch_size": 0}, "batch_size=0"), ({"iterations": 0}, "iterations=0"), ({"starts": 0}, "starts=0"),
    ({"statistics": "both"}, "statistics='both'"), ({"seed": -1}, "seed=-1"),
    ({"subspace_distribution": "cauchy"}, "subspace_distribution='cauchy'"),
])
def test_bad_argument_is_named(arguments, message):
    inputs, labels = cases.softmax_regression(2, 2, seed=0)
    with pytest.raises(ValueError, match=message):
        measure_sharpness(cases.regression_model(np.zeros(6), 2), inputs, labels, **arguments)


@pytest.mark.parametrize("spoil, message", [
    (lambda x, y: (x, y + 1), "label"), (lambda x, y: (x * np.nan, y), "finite"),
    (lambda x, y: (x[:10], y), "10"), (lambda x, y: (x[:, :1], y), "do not fit"),
    (lambda x, y: (x[:0], y[:0]), "empty|no examples"),
])
def test_bad_data_is_named(spoil, message):
    inputs, labels = cases.softmax_regression(2, 2, seed=0)
    inputs, labels = spoil(inputs, labels)
    with pytest.raises(ValueError, match=message):
        measure_sharpness(cases.regression_model(np.zeros(6), 2), inputs, labels)


def test_model_that_is_none_is_named():
    with pytest.raises(ValueError, match="keras.Model"):
        measure_sharpness(lambda x: x, np.zeros((3, 2)), np.zeros(3, int))
    with pytest.raises(ValueError, match="not built"):
        measure_sharpness(keras.Sequential([keras.layers.Dense(2)]), np.zeros((3, 2)), np.zeros(3, int))


class Tripled(keras.layers.BatchNormalization):
    """A user's own."""

    def call(self, inputs, training=None, mask=None):
        return 3 * super().call(inputs, training=training, mask=mask)


class TripledWithoutMask(keras.layers.BatchNormalization):
    """A user's own that takes no mask."""

    def call(self, inputs, training=None):
        return 3 * super().call(inputs, training=training)


@pytest.mark.parametrize("kind", [Tripled, TripledWithoutMask])
def test_a_normalization_of_the_users_own_is_called_or_refused(kind):
    model = cases.normalized_network(kind())
    model.compile(loss="sparse_categorical_crossentropy")
    inputs, labels = np.random.default_rng(0).normal(size=(60, 6)).astype("float32"), np.arange(60) % 3
    loss = model.evaluate(inputs, labels, batch_size=60, verbose=0)
    result = measure_sharpness(model, inputs, labels, statistics="moving", iterations=1)
    assert result.loss == pytest.approx(loss, rel=1e-6)
    with pytest.raises(ValueError, match="Tripled.*call of its own.*moving"):
        measure_sharpness(model, inputs, labels, iterations=1)


def test_a_call_that_the_user_has_set_is_there_afterwards():
    layer = keras.layers.BatchNormalization()
    model = cases.normalized_network(layer)
    layer.call = own = layer.call
    inputs = np.random.default_rng(0).normal(size=(60, 6)).astype("float32")
    measure_sharpness(model, inputs, np.arange(60) % 3, iterations=1)
    assert vars(layer)["call"] is own


def test_the_least_precise_layer_decides_the_precision():
    model = keras.Sequential([keras.Input((6,), dtype="float64"), keras.layers.Dense(3, dtype="float64"),
                              keras.layers.Activation("softmax", dtype="float32")])
    assert all(variable.dtype == "float64" for variable in model.trainable_variables)
    objective = Objective(model, np.zeros((6, 6)), np.arange(6) % 3)
    assert objective.dtype == np.float32


def test_models_of_another_kind_are_named():
    single = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
    with pytest.raises(ValueError, match="single output.*loss='binary_crossentropy'"):
        measure_sharpness(single, np.zeros((6, 2)), np.arange(6) % 2)
