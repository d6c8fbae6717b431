"""The check of the gradient accepts every right one, on curved boxes too, and no wrong one; noise is noticed."""

import dataclasses
import functools
import json
import zlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from replication import configuration
from replication.errors import MeasurementFailedError
from replication.sharpness import Objective, checks, compute, measure_sharpness, metric
from replication.sharpness.checks import check_gradient, check_repeatable
from tests.sharpness import cases

GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(120, 6)).astype("float32")
LABELS = (INPUTS[:, 0] > 0).astype(int) + (INPUTS[:, 1] > 0)


class Wrong(keras.layers.Layer):
    """A dense layer whose gradient is off: `change` is applied to that of the kernel, `bias` to that of the bias."""

    def __init__(self, change, bias=lambda g: g, **options):
        super().__init__(**options)
        self._change = change
        self._bias = bias

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 8), initializer=keras.initializers.GlorotUniform(1))
        self.bias = self.add_weight(shape=(8,), initializer="zeros")

    def call(self, inputs):
        @tf.custom_gradient
        def compute(x, kernel, bias):
            def gradient(upstream):
                return (tf.matmul(upstream, kernel, transpose_b=True),
                        self._change(tf.matmul(x, upstream, transpose_a=True)),
                        self._bias(tf.reduce_sum(upstream, axis=0)))

            return tf.matmul(x, kernel) + bias, gradient

        return tf.tanh(compute(inputs, tf.convert_to_tensor(self.kernel), tf.convert_to_tensor(self.bias)))


def _one_dropped(gradient):
    return tf.tensor_scatter_nd_update(gradient, [[1, 2]], [0.0])


def _with(layer):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((6,)), layer, keras.layers.Dense(3, activation="softmax")])


@functools.cache
def _fitted_weights():
    model = _with(keras.layers.Dense(8, activation="tanh"))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(np.tile(INPUTS, (30, 1)), np.tile(LABELS, 30), verbose=0)
    return model.get_weights()


def _fitted(layer):
    model = _with(layer)
    model.set_weights(_fitted_weights())
    return model


@pytest.mark.parametrize("change, bias", [
    (lambda g: -g, lambda g: g), (lambda g: 1.2 * g, lambda g: 1.2 * g), (lambda g: 0 * g, lambda g: 0 * g),
    (lambda g: g, lambda g: -g), (lambda g: g, lambda g: 0 * g), (lambda g: 0.8 * g, lambda g: g),
    (_one_dropped, lambda g: g)], ids=["sign", "scale", "layer dropped", "sign of the bias", "bias dropped",
                                       "scale of the kernel", "one weight dropped"])
def test_a_wrong_gradient_of_a_layer_of_ones_own_is_an_error(change, bias):
    with pytest.raises(ValueError, match="gradient of f is wrong"):
        measure_sharpness(_fitted(Wrong(change, bias)), INPUTS, LABELS, epsilon=1e-3)


@pytest.mark.parametrize("factor", [-1.0, 1.2, 0.8])
def test_a_wrong_gradient_of_keras_is_an_error(factor, monkeypatch):
    """Along the way to the corner, which is all that a model of Keras's layers is checked for."""
    objective = Objective(_fitted(keras.layers.Dense(8, activation="tanh")), INPUTS, LABELS)
    assert objective.has_known_gradients
    right = objective.value_and_gradient

    def wrong(x, **options):
        value, gradient = right(x, **options)
        return value, factor * gradient

    monkeypatch.setattr(objective, "value_and_gradient", wrong)
    for epsilon in (1e-4, 1e-3, 0.1, 0.5):
        with pytest.raises(ValueError, match="gradient of f is wrong"):
            compute(objective, configuration.Sharpness(epsilon=epsilon))


@pytest.mark.parametrize("epsilon", [1e-4, 1e-3, 0.1, 0.5])
def test_the_right_gradient_of_a_layer_of_ones_own_is_not(epsilon):
    result = measure_sharpness(_fitted(Wrong(lambda g: g)), INPUTS, LABELS, epsilon=epsilon)
    plain = _fitted(keras.layers.Dense(8, activation="tanh"))
    assert result.sharpness == pytest.approx(measure_sharpness(plain, INPUTS, LABELS, epsilon=epsilon).sharpness,
                                             rel=1e-3)


def _network(kind):
    keras.utils.set_random_seed(0)
    normalization = {"relu": keras.layers.Identity, "moving averages": keras.layers.BatchNormalization,
                     "batch": models.BatchNormalization}[kind]
    layers = [layer for _ in range(2) for layer in (keras.layers.Dense(64), normalization(), keras.layers.ReLU())]
    return keras.Sequential([keras.Input((6,)), *layers, keras.layers.Dense(3, activation="softmax")])


@functools.cache
def _network_weights(kind):
    model = _network(kind)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(np.tile(INPUTS, (60, 1)), np.tile(LABELS, 60), batch_size=30, verbose=0)
    return model.get_weights()


def _fitted_network(kind):
    model = _network(kind)
    model.set_weights(_network_weights(kind))
    return model


@pytest.mark.parametrize("kind, statistics", [("relu", "batch"), ("moving averages", "moving"), ("batch", "batch")])
@pytest.mark.parametrize("trusted", [True, False])
def test_a_right_gradient_is_accepted_on_curved_boxes(kind, statistics, trusted):
    model = _fitted_network(kind)
    objective = Objective(model, INPUTS, LABELS, statistics=statistics)
    objective.has_known_gradients = trusted
    # The check of every weight has a box of its own.
    for epsilon in (1e-4, 1e-3, 0.03, 0.3, 0.5) if trusted else (1e-3,):
        for dimension in (0, 20):
            choices = configuration.Sharpness(epsilon=epsilon, subspace_dim=dimension, iterations=2, starts=1,
                                              statistics=statistics)
            result = compute(objective, choices)
            assert result.check.passed
            json.dumps(result.to_json(), allow_nan=False)


def test_small_pretrained_style_weights_with_moving_averages():
    """Weights of 1e-3 beside a box of 1e-3 make it strongly curved."""
    model = _fitted_network("moving averages")
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(layer.moving_variance * 1e-6)
            layer.moving_mean.assign(layer.moving_mean * 1e-3)
        elif isinstance(layer, keras.layers.Dense) and layer is not model.layers[-1]:
            layer.kernel.assign(layer.kernel * 1e-3)
            layer.bias.assign(layer.bias * 1e-3)
    result = measure_sharpness(model, INPUTS, LABELS, statistics="moving", iterations=3)
    assert result.check.passed and result.sharpness > 10


def test_coordinates_without_gradient_do_not_go_the_same_way():
    """Two forgotten weights whose effects cancel if both rise."""
    class Cancelling(keras.layers.Layer):
        def build(self, shape):
            self.pair = self.add_weight(shape=(2,), initializer="zeros")

        def call(self, x):
            @tf.custom_gradient
            def shift(pair):
                return pair[0] - pair[1], lambda upstream: tf.zeros(2)

            return x * (1 + shift(tf.convert_to_tensor(self.pair)))

    with pytest.raises(ValueError, match="gradient of f is wrong"):
        measure_sharpness(_with(Cancelling()), INPUTS, LABELS, epsilon=0.01)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_containers_do_not_decide_the_precision(dtype):
    theta = np.random.default_rng(2).normal(size=9)
    objective = Objective(cases.regression_model(theta, 2, dtype=dtype), np.zeros((6, 2)), np.arange(6) % 3)
    assert objective.dtype == np.dtype(dtype)


def test_a_container_that_rounds_counts():
    """A nested model takes its inputs in float32, whatever the layers around it compute in."""
    inner = keras.Sequential([keras.Input((6,), dtype="float32"), keras.layers.Dense(5, dtype="float64")])
    inputs = keras.Input((6,), dtype="float64")
    outputs = keras.layers.Dense(3, activation="softmax", dtype="float64")(
        inner(keras.layers.Dense(6, dtype="float64")(inputs)))
    objective = Objective(keras.Model(inputs, outputs), np.zeros((6, 6)), np.arange(6) % 3)
    assert objective.dtype == np.float32


def test_half_precision_within_a_call_is_refused():
    class Half(keras.layers.Layer):
        def call(self, x):
            return tf.cast(tf.cast(x, tf.float16), tf.float32)

    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5), Half(),
                              keras.layers.Dense(3, activation="softmax")])
    with pytest.raises(ValueError, match="computes in float16"):
        measure_sharpness(model, INPUTS, LABELS)


def test_a_small_rise_in_float64_is_not_lost():
    """With the rounding of float32 the check could not tell this gradient from 0."""
    inputs, labels = cases.softmax_regression(2, 3, seed=1)
    theta = np.random.default_rng(2).normal(size=9)
    result = measure_sharpness(cases.regression_model(theta, 2), inputs, labels, epsilon=1e-9)
    assert result.check.conclusive
    assert result.sharpness == pytest.approx(cases.brute_force_sharpness(theta, inputs, labels, 1e-9), rel=1e-3)


def test_a_rise_below_the_rounding_is_not_conclusive(caplog):
    """In float32 f can tell nothing about a box of 1e-9; in one of 1e-3 it can."""
    inputs, labels = cases.softmax_regression(2, 3, seed=1)
    model = cases.regression_model(np.random.default_rng(2).normal(size=9), 2, dtype="float32")
    assert measure_sharpness(model, inputs, labels, epsilon=1e-3).check.conclusive
    assert "rounding" not in caplog.text
    assert not measure_sharpness(model, inputs, labels, epsilon=1e-9).check.conclusive
    assert "rounding of f could be as large as its rise" in caplog.text


def test_constraints_are_warned_of(caplog):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(
        3, activation="softmax", kernel_constraint="non_neg")])
    measure_sharpness(model, INPUTS, LABELS)
    assert "kernel' has a constraint, which the box knows nothing of" in caplog.text


def test_an_uncertain_difference_on_kinks_is_not_taken_for_rounding(monkeypatch, caplog):
    found = metric.check_gradient
    monkeypatch.setattr(metric, "check_gradient", lambda *arguments, **options: dataclasses.replace(
        found(*arguments, **options), conclusive=False))
    inputs, labels = cases.softmax_regression(2, 3, seed=1)
    model = cases.regression_model(np.random.default_rng(2).normal(size=9), 2, dtype="float32")
    assert not measure_sharpness(model, inputs, labels, epsilon=1e-3).check.conclusive
    assert "rounding" not in caplog.text


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_is_an_error(value):
    with pytest.raises(MeasurementFailedError, match=f"f\\(x\\) is {value}: the loss .* is not finite"):
        check_repeatable(value, value, dtype=np.float32)
    with pytest.raises(MeasurementFailedError, match=f"f\\(x\\) is {value}"):
        measure_sharpness(_fitted_network("relu"), INPUTS, LABELS, loss=lambda y, p: value * keras.ops.max(p, axis=1))


def test_repeatable_means_to_rounding():
    check_repeatable(1.0, 1.0 + 1e-7, dtype=np.float32)
    with pytest.raises(ValueError, match="not deterministic"):
        check_repeatable(1.0, 1.0 + 1e-5, dtype=np.float32)
    with pytest.raises(ValueError, match="not deterministic"):
        check_repeatable(1.0, 1.0 + 1e-7, dtype=np.float64)


class _Rough:
    """f(s) = 2 + 0.1 s / (1 + 3 |s|) along x = (s), with rounding of 3e-5 that its dtype does not explain.

    So C2 was with a sixteenth of its filters and 20 images: normalizations one after the other multiply rounding.
    """

    size, dtype = 20, np.float32

    def __init__(self, seed):
        self.seed = seed

    def representable(self, x):
        return x

    def value(self, x, examples=None):
        rounding = np.random.default_rng((self.seed, zlib.crc32(x.tobytes()))).normal(scale=3e-5)
        return float(2 + 0.1 * x[0] / (1 + 3 * abs(x[0])) + rounding)


def test_rounding_that_is_larger_than_that_of_the_dtype_is_no_wrong_gradient(monkeypatch):
    """But a gradient of the wrong sign is."""
    def check(seed, sign=1):
        gradient = np.array([0.1 * sign])
        return check_gradient(_Rough(seed), np.zeros(1), 2.0, gradient=gradient, direction=np.array([1.0 * sign]),
                              derivative=0.1)

    # The first five of 300 seeds with which the rounding looks like a wrong gradient.
    seeds = (46, 100, 121, 131, 141)
    for seed in seeds:
        assert check(seed).passed
        with pytest.raises(MeasurementFailedError, match="gradient of f is wrong"):
            check(seed, sign=-1)
    monkeypatch.setattr(checks, "_scatter", lambda values: 0.0)
    for seed in seeds:
        with pytest.raises(MeasurementFailedError, match="gradient of f is wrong"):
            check(seed)
