"""What a model must be for its sharpness to be measured: each refusal is one line."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from replication import configuration
from replication.errors import UserError
from replication.sharpness import Objective, SharpnessCallback, compute, measure_sharpness
from tests.sharpness.cases import INPUTS, LABELS, dense


class _Complex(keras.layers.Layer):
    def build(self, shape):
        self.phase = self.add_weight(shape=(shape[-1],), dtype="complex64", initializer="ones", name="phase")

    def call(self, inputs):
        return keras.ops.real(keras.ops.cast(inputs, "complex64") * self.phase)


class _Steps(keras.layers.Layer):
    def build(self, shape):
        self.steps = self.add_weight(shape=(), dtype="int32", initializer="ones", name="steps")

    def call(self, inputs):
        return inputs * keras.ops.cast(self.steps, "float32")


@pytest.mark.parametrize("layer, words", [(_Complex(), "phase' is complex64"), (_Steps(), "steps' is int32")])
def test_weights_that_are_no_real_numbers_are_refused(layer, words):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), layer, keras.layers.Dense(3, activation="softmax")])
    with pytest.raises(UserError, match=f"trainable weight '.*{words}, and x consists of floating-point numbers"):
        measure_sharpness(model, INPUTS, LABELS)
    assert measure_sharpness(model, INPUTS, LABELS, variables="*dense*").sharpness > 0


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_a_quantized_model_is_refused(mode):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8), keras.layers.Dense(3, activation="softmax")])
    model.quantize(mode)
    with pytest.raises(UserError, match=f"is quantized \\({mode}\\); measure the model before it is quantized"):
        measure_sharpness(model, INPUTS, LABELS, statistics="moving")


def test_statistics_of_another_name_are_refused():
    """Anything but "batch" would be moving averages."""
    for make in (lambda: Objective(dense(), INPUTS, LABELS, statistics="Batch"),
                 lambda: Objective(dense(), INPUTS, LABELS).variant(statistics="average")):
        with pytest.raises(UserError, match="statistics='.*': expected one of batch, moving"):
            make()


def test_choices_that_are_not_those_of_the_objective_are_refused():
    objective = Objective(dense(), INPUTS, LABELS, statistics="moving")
    with pytest.raises(UserError, match="statistics='batch': expected that of the objective, moving"):
        compute(objective, configuration.Sharpness())
    with pytest.raises(UserError, match="dropout_active=True: expected that of the objective, False"):
        compute(objective, configuration.Sharpness(statistics="moving", dropout_active=True))


def test_active_dropout_on_several_devices_is_refused():
    with pytest.raises(UserError, match="dropout_active=True: expected False with several devices"):
        Objective(dense(), INPUTS, LABELS, dropout_active=True, devices=types.SimpleNamespace(number=2))


def test_an_operation_without_a_derivative_is_refused():
    model = keras.Sequential([
        keras.Input((6,)), keras.layers.Reshape((6, 1, 1)), keras.layers.Conv2D(2, 1),
        keras.layers.Resizing(3, 1, interpolation="area"), keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax")])
    with pytest.raises(UserError, match="TensorFlow has no derivative, .*ResizeArea"):
        measure_sharpness(model, INPUTS, LABELS)


def test_a_layer_for_its_weights_is_refused():
    model = dense()
    with pytest.raises(UserError, match="variables: a layer, expected some of its weights"):
        measure_sharpness(model, INPUTS, LABELS, variables=model.layers[-1])


def test_absent_labels_are_refused():
    with pytest.raises(UserError, match="labels: None, expected an array of what the loss takes"):
        measure_sharpness(dense(), INPUTS, loss="mse")


class _Masked(keras.layers.Layer):
    def build(self, shape):
        self.mask = self.add_weight(shape=(3,), initializer=lambda *_, **__: tf.constant([0.0, 0.0, -np.inf]),
                                    trainable=False)

    def call(self, inputs):
        return keras.ops.softmax(inputs + self.mask)


def test_a_weight_that_is_not_trained_may_be_infinite():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3), _Masked()])
    assert measure_sharpness(model, INPUTS, LABELS % 2, iterations=1).sharpness > 0


def test_a_call_within_the_scope_of_a_strategy_is_told_before_training():
    model = dense()
    model.compile("sgd", "sparse_categorical_crossentropy")
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        with pytest.raises(UserError, match="within strategy.scope"):
            measure_sharpness(model, INPUTS, LABELS)
        with pytest.raises(UserError, match="within strategy.scope"):
            model.fit(INPUTS, LABELS, verbose=0, callbacks=[SharpnessCallback(INPUTS, LABELS)])
