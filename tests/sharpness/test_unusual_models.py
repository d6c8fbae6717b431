"""Models and losses off the beaten track: f is what `evaluate` gives, or one line says why it is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from replication.errors import MeasurementFailedError, UserError
from replication.sharpness import Objective, SharpnessCallback, measure_sharpness
from replication.sharpness.losses import is_of_keras
from replication.sharpness.suitability import has_known_gradients
from tests.sharpness.cases import INPUTS, LABELS, M, dense


def _by_value(labels, outputs):
    """A loss for each value, without the axis of the examples."""
    return tf.reshape(tf.square(labels - outputs), [-1])


@pytest.mark.parametrize("loss", [_by_value, keras.losses.Dice(axis=(0,)), keras.losses.Tversky(axis=(0,))],
                         ids=["flat", "Dice", "Tversky"])
def test_losses_of_any_shape_count_as_in_evaluate(loss):
    model, labels = dense(3, "sigmoid"), np.eye(3, dtype="float32")[LABELS]
    model.compile("sgd", loss)
    expected = model.evaluate(INPUTS, labels, batch_size=M, verbose=0)
    for chosen in (loss, "compiled"):
        assert measure_sharpness(model, INPUTS, labels, loss=chosen, iterations=1).loss == pytest.approx(
            expected, rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", keras.losses.mean_squared_error, keras.losses.MeanSquaredError(),
                                  keras.losses.MeanSquaredError(reduction="sum")])
def test_a_loss_of_one_output_is_refused_for_several(loss):
    inputs = keras.Input((6,))
    keras.utils.set_random_seed(0)
    model = keras.Model(inputs, [keras.layers.Dense(1, name=name)(inputs) for name in "ab"])
    labels = [INPUTS[:, :1], INPUTS[:, 1:2]]
    with pytest.raises(UserError, match="give loss='compiled', or a function from labels and outputs"):
        measure_sharpness(model, INPUTS, labels, loss=loss)
    model.compile("sgd", "mse")
    expected = model.evaluate(INPUTS, labels, batch_size=M, verbose=0, return_dict=True)["loss"]

    def total(labels, outputs):
        return tf.add_n([tf.reduce_mean(tf.square(y - p), axis=-1) for y, p in zip(labels, outputs)])

    for chosen in ("compiled", total):
        assert measure_sharpness(model, INPUTS, labels, loss=chosen, iterations=1).loss == pytest.approx(
            expected, rel=1e-5)


class _Own(keras.Model):
    """A model whose loss calls it in training mode, draws random numbers and counts."""

    def __init__(self, noise=0.0):
        super().__init__()
        keras.utils.set_random_seed(0)
        self.normalization, self.dense = keras.layers.BatchNormalization(), keras.layers.Dense(3, activation="softmax")
        self.seeds = keras.random.SeedGenerator(1)
        self.noise = noise
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")
        self(INPUTS)
        self.compile("sgd", "sparse_categorical_crossentropy")

    def call(self, inputs, training=False):
        return self.dense(self.normalization(inputs, training=training))

    # Without the argument `training`, and with names of its own for the others.
    def compute_loss(self, inputs=None, labels=None, outputs=None, weights=None):
        self.count.assign_add(1.0)
        self(inputs, training=True)
        drawn = self.noise * keras.random.normal((), seed=self.seeds)
        return tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, outputs)) + drawn


def test_a_compiled_loss_of_ones_own_leaves_the_model_as_it_was():
    model = _Own()
    before = [v.numpy() for v in model.variables]
    result = measure_sharpness(model, INPUTS, LABELS, loss="compiled", iterations=1)
    assert result.loss > 0
    assert all(np.array_equal(a, v.numpy()) for a, v in zip(before, model.variables, strict=True))


def test_random_numbers_in_a_loss_are_noticed():
    with pytest.raises(MeasurementFailedError, match="not deterministic"):
        measure_sharpness(_Own(noise=1.0), INPUTS, LABELS, loss="compiled")
    seeds = keras.random.SeedGenerator(0)
    with pytest.raises(MeasurementFailedError, match="not deterministic"):
        measure_sharpness(dense(), INPUTS, np.eye(3, dtype="float32")[LABELS], loss=lambda y, p: tf.reduce_mean(
            tf.square(y - p + keras.random.normal(tf.shape(p), seed=seeds)), axis=-1))


def test_a_compiled_loss_without_a_reduction_is_its_mean():
    model, labels = dense(1, None), INPUTS[:, :1]
    model.compile("sgd", keras.losses.MeanSquaredError(reduction=None))
    expected = float(tf.reduce_mean(tf.square(model(INPUTS) - labels)))
    assert measure_sharpness(model, INPUTS, labels, loss="compiled", iterations=1).loss == pytest.approx(
        expected, rel=1e-5)


class _Distilled(keras.Model):
    def test_step(self, data):
        return {"loss": 2 * super().test_step(data)["loss"]}


def test_a_test_step_of_ones_own_is_a_warning_and_a_missing_loss_is_told(caplog):
    inputs = keras.Input((6,))
    model = _Distilled(inputs, keras.layers.Dense(3, activation="softmax")(inputs))
    with pytest.raises(UserError, match="is not compiled"):
        Objective(model, INPUTS, LABELS, loss="compiled")
    model.compile("sgd")
    with pytest.raises(UserError, match="loss='compiled': model .* cannot compute it for these labels: .*[Nn]o loss"):
        Objective(model, INPUTS, LABELS, loss="compiled")
    model.compile("sgd", "sparse_categorical_crossentropy")
    Objective(model, INPUTS, LABELS, loss="compiled")
    assert "has a test_step of its own" in caplog.text


class _Unfinished(keras.Model):
    """A `build` of its own makes the model count as built before its layer is."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3, activation="softmax")

    def build(self, shape):
        self.scale = self.add_weight(shape=(6,), initializer="ones")

    def call(self, inputs):
        return self.dense(inputs * self.scale)


@pytest.mark.parametrize("loss", [None, "compiled"])
def test_weights_that_a_call_makes_are_named(loss):
    model = _Unfinished()
    model.build((None, 6))
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(UserError, match="not built, a call of it makes weight .*dense"):
        measure_sharpness(model, INPUTS, LABELS, loss=loss)
    assert measure_sharpness(model, INPUTS, LABELS, iterations=1).parameters == 6 + 21, "now it is built"


def test_a_normalization_by_both_statistics_is_refused_by_those_of_the_batch():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.BatchNormalization(renorm=True),
                              keras.layers.Dense(3, activation="softmax")])
    with pytest.raises(UserError, match='renorm=True.*give statistics="moving"'):
        measure_sharpness(model, INPUTS, LABELS)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert measure_sharpness(model, INPUTS, LABELS, statistics="moving", iterations=1).loss == pytest.approx(
        model.evaluate(INPUTS, LABELS, verbose=0), rel=1e-5)


def _detached(x):
    return keras.ops.stop_gradient(keras.layers.Dense(8, activation="tanh")(x))


@pytest.mark.parametrize("layer, known", [
    (keras.layers.Dense(8, activation="tanh"), True), (keras.layers.Dense(8, activation=lambda x: x), False),
    (_detached, False), (lambda x: 2 * x, False)], ids=["Keras's", "own activation", "stop_gradient", "operator"])
def test_operations_between_layers_count_as_others(layer, known):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    inner = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(layer(inputs)))
    for model in (inner, keras.Sequential([keras.Input((6,)), inner])):
        assert Objective(model, INPUTS, LABELS).has_known_gradients is known


def test_a_gradient_that_is_stopped_is_noticed():
    """The weights before it are a twentieth of all."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    x = keras.layers.Dense(200, activation="relu")(_detached(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    with pytest.raises(MeasurementFailedError, match="gradient of f is wrong"):
        measure_sharpness(model, INPUTS, LABELS)


def test_parts_of_others_in_recurrent_layers_and_losses_are_known():
    def own(x):
        return keras.ops.sigmoid(x)

    for activation, known in (("sigmoid", True), (own, False)):
        model = keras.Sequential([keras.Input((4, 2)), keras.layers.LSTM(3, recurrent_activation=activation)])
        assert has_known_gradients(model) is known

    def own_loss(labels, outputs):
        return keras.losses.mean_squared_error(labels, outputs)

    wrapped = keras.losses.MeanSquaredError()
    wrapped.fn = own_loss
    for loss, known in ((None, True), ("mse", True), (keras.losses.MeanSquaredError(), True), ("compiled", False),
                        (own_loss, False), (wrapped, False)):
        assert is_of_keras(loss) is known


class _Counting(keras.layers.Layer):
    def __init__(self, *, nested):
        super().__init__()
        self.calls, self.nested = tf.Variable(0.0), nested

    def call(self, inputs):
        if self.nested:
            return tf.cond(tf.reduce_any(inputs > 0), lambda: inputs + 0 * self.calls.assign_add(1.0), lambda: inputs)
        self.calls.assign_add(1.0)
        return inputs


@pytest.mark.parametrize("nested", [False, True])
def test_a_call_that_changes_a_variable_of_tensorflow_is_refused(nested):
    keras.utils.set_random_seed(0)
    counting = _Counting(nested=nested)
    model = keras.Sequential([keras.Input((6,)), counting, keras.layers.Dense(3, activation="softmax")])
    before = float(counting.calls)
    with pytest.raises(UserError, match="a call changes a tf.Variable .* make it a weight of its layer"):
        measure_sharpness(model, INPUTS, LABELS)
    assert float(counting.calls) == before


def test_passes_are_without_tensorfloat_32(monkeypatch):
    states = []
    mean = Objective._weights

    def watched(self, x):
        states.append(tf.config.experimental.tensor_float_32_execution_enabled())
        return mean(self, x)

    monkeypatch.setattr(Objective, "_weights", watched)
    for enabled in (False, True):
        tf.config.experimental.enable_tensor_float_32_execution(enabled)
        objective = Objective(dense(), INPUTS, LABELS)
        objective.value_and_gradient(objective.x)
        assert tf.config.experimental.tensor_float_32_execution_enabled() is enabled
    assert states == [False] * 2


@pytest.mark.parametrize("every, numbers", [(1, [5, 9, 14, 18]), (4, [5, 9, 14, 18]), (8, [9, 18])])
def test_batches_of_several_steps_an_execution_are_counted(every, numbers):
    """Nine batches an epoch, the last execution of which has four."""
    model = dense()
    model.compile("sgd", "sparse_categorical_crossentropy", steps_per_execution=5)
    callback = SharpnessCallback(INPUTS, LABELS, every=every, unit="batch", iterations=1)
    model.fit(INPUTS[:36], LABELS[:36], batch_size=4, epochs=2, verbose=0, callbacks=[callback])
    assert [number for number, _ in callback.results] == numbers


def test_one_variable_is_a_choice_of_variables():
    model = dense()
    kernel = model.layers[0].kernel
    assert measure_sharpness(model, INPUTS, LABELS, variables=kernel, iterations=1).sharpness == measure_sharpness(
        model, INPUTS, LABELS, variables=[kernel], iterations=1).sharpness
