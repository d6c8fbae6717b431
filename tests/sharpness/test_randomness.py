"""Layers that draw random numbers are measured where evaluation does not use them, and refused where it does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from replication.sharpness import measure_sharpness

GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(120, 6)).astype("float32")
LABELS = (INPUTS[:, 0] > 0).astype(int) + (INPUTS[:, 1] > 0)


class TrainingNoise(keras.layers.Layer):
    """Draws always, and uses it in training only."""

    def __init__(self, own):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(3) if own else None

    def call(self, x, training=False):
        noise = keras.random.normal(tf.shape(x), seed=self.seed_generator)
        return x + noise if training else x


class EvaluationNoise(TrainingNoise):
    def call(self, x, training=False):
        return x + keras.random.normal(tf.shape(x), seed=self.seed_generator)


def _sequence(recurrent):
    return keras.Sequential([keras.Input((6,)), keras.layers.Reshape((3, 2)), recurrent,
                             keras.layers.Dense(3, activation="softmax")])


@pytest.mark.parametrize("layer", [keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN])
def test_recurrent_layers_with_dropout_are_measured(layer):
    model = _sequence(layer(4, dropout=0.3, recurrent_dropout=0.2))
    model.compile("sgd", "sparse_categorical_crossentropy")
    result = measure_sharpness(model, INPUTS, LABELS, iterations=3)
    assert result.loss == pytest.approx(model.evaluate(INPUTS, LABELS, batch_size=120, verbose=0), rel=1e-5)
    assert result.sharpness > 0
    plain = _sequence(layer(4))
    for mine, other in zip(plain.trainable_variables, model.trainable_variables):
        mine.assign(other)
    assert result.sharpness == pytest.approx(measure_sharpness(plain, INPUTS, LABELS, iterations=3).sharpness, rel=1e-4)


@pytest.mark.parametrize("own", [True, False])
def test_a_seed_that_advances_is_no_randomness_but_noise_is(own):
    for kind in (TrainingNoise, EvaluationNoise):
        model = keras.Sequential([keras.Input((6,)), kind(own), keras.layers.Dense(3, activation="softmax")])
        before = [v.numpy() for v in model.variables]
        if kind is TrainingNoise:
            assert measure_sharpness(model, INPUTS, LABELS, iterations=2).sharpness > 0
        else:
            with pytest.raises(ValueError, match="not deterministic"):
                measure_sharpness(model, INPUTS, LABELS)
        assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, model.variables, strict=True))
