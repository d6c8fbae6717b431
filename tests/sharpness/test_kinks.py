"""Points where f has no gradient: a right one is accepted next to them, and one that is not finite is told."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from replication.errors import MeasurementFailedError
from replication.sharpness import measure_sharpness
from tests.sharpness.test_checks import Wrong

GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(60, 6)).astype("float32")
LABELS = np.arange(60) % 3
# Patches without a black border have one within: with biases of 0, what a ReLU gets there is exactly 0.
IMAGES = np.pad(GENERATOR.random((40, 4, 4, 1), dtype=np.float32), ((0, 0), (4, 4), (4, 4), (0, 0)))


def _images(activation):
    layers = keras.layers
    return keras.Sequential([
        keras.Input((12, 12, 1)), layers.Conv2D(4, 3, activation=activation), layers.MaxPooling2D(),
        layers.Conv2D(4, 3, activation=activation), layers.Flatten(), layers.Dense(3, activation="softmax")])


def _small(activation, deviation):
    initial = keras.initializers.RandomNormal(0, deviation, seed=1)
    hidden = [keras.layers.Dense(64, activation=activation, kernel_initializer=initial) for _ in range(3)]
    return keras.Sequential([keras.Input((6,)), *hidden, keras.layers.Dense(3, activation="softmax")])


def _pruned():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation=tf.nn.relu),
                              keras.layers.Dense(3, activation="softmax")])
    kernel = model.layers[0].kernel.numpy()
    kernel[:, :4] = 0
    model.layers[0].kernel.assign(kernel)
    return model


@pytest.mark.parametrize("model, inputs", [
    (lambda: _images(tf.nn.relu), IMAGES), (lambda: _images("relu"), IMAGES), (_pruned, INPUTS),
    (lambda: _small(tf.nn.relu, 0.01), INPUTS), (lambda: _small("relu", 0.0037), INPUTS),
    (lambda: _small("relu", 0.0), INPUTS)], ids=["images", "Keras's", "pruned", "small", "smaller, Keras's", "zero"])
def test_a_right_gradient_at_a_kink_is_accepted(model, inputs):
    for seed in range(2):
        keras.utils.set_random_seed(seed)
        assert measure_sharpness(model(), inputs, LABELS[:len(inputs)], iterations=2).check.passed


def test_a_wrong_gradient_at_a_kink_is_not():
    """Of a layer behind the kinks, at a point where the comparison has to go elsewhere."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([*_pruned().layers[:1], Wrong(lambda g: -g), keras.layers.Dense(3, activation="softmax")])
    model.build((None, 6))
    with pytest.raises(MeasurementFailedError, match="gradient of f is wrong"):
        measure_sharpness(model, INPUTS, LABELS)


class _Distance(keras.layers.Layer):
    def call(self, pair):
        return 0.9 * tf.exp(-tf.sqrt(tf.reduce_sum((pair[0] - pair[1])**2, axis=-1, keepdims=True)))


def test_a_gradient_that_is_not_finite_is_no_matter_of_epsilon():
    first, second = keras.Input((6,)), keras.Input((6,))
    dense = keras.layers.Dense(4, name="both")
    model = keras.Model([first, second], _Distance()([dense(first), dense(second)]))
    others = INPUTS.copy()
    others[30:] = GENERATOR.normal(size=(30, 6))
    with pytest.raises(MeasurementFailedError, match="gradient of f at x is not finite in weight 'both/kernel'"):
        measure_sharpness(model, [INPUTS, others], LABELS % 2, loss="binary_crossentropy")
