"""The Hessian of models off the beaten track: it is right, or one line says why it is refused or what it lacks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from replication import memory
from replication.errors import MeasurementFailedError, UserError
from replication.sharpness import Objective
from replication.spectrum import Hessian, density, extreme_eigenvalues, hessian, trace
from tests.sharpness.cases import INPUTS, LABELS, M, dense

GENERATOR = np.random.default_rng(1)


def test_a_hessian_warns_of_penalties(caplog):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, activation="softmax", kernel_regularizer="l2")])
    hessian(model, INPUTS, LABELS)
    assert "has penalties (regularizers or add_loss), which f leaves out" in caplog.text


def test_products_need_more_memory_than_gradients(monkeypatch):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, activation="softmax")])
    objective = Objective(model, INPUTS, LABELS, batch_size=len(INPUTS))
    each = memory.peak_bytes(model)
    monkeypatch.setattr(memory, "available", lambda: 2 * len(INPUTS) * each)
    objective.value_and_gradient(objective.x)
    with pytest.raises(UserError, match=f"batch_size={len(INPUTS)}: the activations"):
        Hessian(objective) @ np.ones(21)
    monkeypatch.setattr(memory, "available", lambda: 3 * len(INPUTS) * each)
    assert np.isfinite(Hessian(objective) @ np.ones(21)).all()
    with pytest.raises(MeasurementFailedError, match="the Hessian of f is not finite"):
        Hessian(objective) @ np.full(21, np.inf)


def test_a_hessian_without_second_derivatives_is_told():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, activation="softsign"),
                              keras.layers.Dense(3, activation="softmax")])
    with pytest.raises(MeasurementFailedError, match="no second one, of .*[Ss]oftsign"):
        hessian(model, INPUTS, LABELS) @ np.ones(43)


@tf.custom_gradient
def _times_sum(x):
    """x times its sum, with a right first derivative that hides the sum from the second one in half of x."""
    total, half = tf.reduce_sum(x), x.shape[0] // 2
    sums = tf.concat([tf.fill([half], total), tf.fill([half], tf.stop_gradient(total))], axis=0)
    return x * total, lambda upstream: upstream * sums + tf.reduce_sum(upstream * x)


class _TimesSum(keras.layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), initializer=keras.initializers.GlorotUniform(0))

    def call(self, inputs):
        kernel = tf.reshape(tf.convert_to_tensor(self.kernel), [-1])
        return tf.nn.softmax(tf.matmul(inputs, tf.reshape(_times_sum(kernel), [-1, 3])))


class _Wrong(_TimesSum):
    def call(self, inputs):
        return tf.nn.softmax(tf.matmul(inputs, tf.stop_gradient(tf.convert_to_tensor(self.kernel)) * 1.0
                                       + 0.5 * tf.convert_to_tensor(self.kernel)
                                       - tf.stop_gradient(0.5 * tf.convert_to_tensor(self.kernel))))


def test_a_hessian_of_a_wrong_gradient_is_refused():
    with pytest.raises(MeasurementFailedError, match="gradient of f is wrong"):
        hessian(keras.Sequential([keras.Input((6,)), _Wrong()]), INPUTS, LABELS)


def test_a_hessian_of_a_wrong_second_derivative_is_not_that_of_the_gradient():
    with pytest.raises(MeasurementFailedError, match="the Hessian of f is not symmetric"):
        hessian(keras.Sequential([keras.Input((6,)), _TimesSum()]), INPUTS, LABELS)


def test_estimates_have_defaults_and_logits_a_hessian():
    logits, probabilities = dense(activation=None), dense()
    probabilities.set_weights(logits.get_weights())
    found = hessian(logits, INPUTS, LABELS, from_logits=True)
    direction = np.arange(21.0)
    assert found @ direction == pytest.approx(hessian(probabilities, INPUTS, LABELS) @ direction, rel=1e-3, abs=1e-4)
    matrix = np.diag(np.arange(100.0))
    assert trace(matrix).value == pytest.approx(4950, rel=0.01)
    assert density(matrix).nodes.shape == (10, 80)


@pytest.mark.parametrize("resize", [
    lambda: keras.layers.UpSampling2D(interpolation="bilinear"), lambda: keras.layers.Resizing(9, 7)],
    ids=["upsampling", "resizing"])
def test_a_hessian_sees_through_bilinear_resizing(resize):
    """TensorFlow takes the derivative of the gradient of the resizing for 0."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential([keras.Input((5, 5, 2)), layers.Conv2D(3, 3, activation="tanh"), resize(),
                              layers.Conv2D(2, 2, activation="tanh"), layers.GlobalAveragePooling2D(),
                              layers.Dense(3, activation="softmax")])
    images = GENERATOR.normal(size=(M, 5, 5, 2)).astype("float32")
    H = hessian(model, images, LABELS)
    direction = GENERATOR.normal(size=H.shape[0])
    objective, step = H.objective, 1e-3
    ahead, behind = (objective.value_and_gradient(objective.x + sign * step * direction)[1] for sign in (1, -1))
    expected = (ahead - behind) / (2 * step)
    assert np.linalg.norm(H @ direction - expected) < 1e-2 * np.linalg.norm(expected)


@pytest.mark.parametrize("choices", [{"statistics": "moving"}, {"variables": "*dense*/*"}], ids=str)
def test_a_hessian_of_a_model_that_has_been_trained_on_is_refused(choices):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, name="first"),
                              keras.layers.BatchNormalization(), keras.layers.Dense(3, "softmax", name="dense")])
    model.compile("adam", "sparse_categorical_crossentropy")
    H = hessian(model, INPUTS, LABELS, **choices)
    before = H @ np.ones(H.shape[0])
    assert np.array_equal(H @ np.ones(H.shape[0]), before)
    model.fit(INPUTS, LABELS, epochs=1, verbose=0)
    with pytest.raises(MeasurementFailedError, match="has changed since its Hessian was made"):
        H @ np.ones(H.shape[0])


def test_a_hessian_by_the_batch_stays_at_its_x():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4), keras.layers.BatchNormalization(),
                              keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    H = hessian(model, INPUTS, LABELS)
    before = H @ np.ones(H.shape[0])
    model.fit(INPUTS, LABELS, epochs=1, verbose=0)
    assert np.array_equal(H @ np.ones(H.shape[0]), before)


def test_numbers_of_numpy_are_numbers():
    H = hessian(dense(), INPUTS, LABELS)
    assert np.array_equal(extreme_eigenvalues(H, np.int64(2))[0], extreme_eigenvalues(H, 2)[0])
    assert trace(H, probes=np.int32(6)) == trace(H, probes=6)
    assert np.array_equal(density(H, np.int64(2), np.int64(4)).nodes, density(H, 2, 4).nodes)
