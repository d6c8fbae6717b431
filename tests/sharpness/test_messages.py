"""Wrong input gets one line that names it and what would be right."""

import logging

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from replication import memory
from replication.errors import UserError
from replication.sharpness import Objective, examples, measure_sharpness
from tests.sharpness import cases

INPUTS = np.random.default_rng(0).normal(size=(30, 4)).astype("float32")
LABELS = np.arange(30) % 3


def _model(*layers):
    return keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(3, activation="softmax")])


@pytest.mark.parametrize("inputs, labels, message", [
    (None, LABELS, "inputs: None, expected an array"), (INPUTS, None, "labels: None, expected an array"),
    (object(), LABELS, "inputs: a object|inputs: an? object"),
    (scipy.sparse.csr_matrix(INPUTS), LABELS, "sparse matrix.*toarray"),
    (tf.sparse.from_dense(INPUTS), LABELS, "sparse tensor.*to_dense"),
    (tf.RaggedTensor.from_row_lengths(INPUTS.ravel(), [4] * 30), LABELS, "ragged tensor.*to_tensor"),
    ((row for row in INPUTS), LABELS, "labels: expected none, because generator"),
    ((row for row in INPUTS), None, "batch 0: expected a pair"),
    (np.ma.masked_array(INPUTS, INPUTS > 2), LABELS, "inputs: a masked array"),
    (INPUTS, np.ma.masked_array(LABELS, LABELS > 1), "labels: a masked array"),
    ([[1.0, 2.0], [1.0]], LABELS[:2], "rows of unequal length"),
    (INPUTS.astype(str), LABELS, "inputs: type"), (INPUTS, LABELS[:20], "labels: 20 for 30 inputs"),
    (INPUTS, LABELS + 0.5, r"labels\[0\]=0.5: expected a whole number"),
    (INPUTS, LABELS.reshape(15, 2), "labels: 15 for 30"), (INPUTS, np.zeros((30, 2)), r"labels: shape \(30, 2\)"),
    (tf.data.Dataset.from_tensor_slices((INPUTS, LABELS)), None, "labels of batch 0: a single number"),
    (tf.data.Dataset.from_tensor_slices((INPUTS, LABELS)).batch(8).repeat(), None, "without end"),
    ([(INPUTS, LABELS), (INPUTS[:, :3], LABELS)], None, "do not fit together"),
    (tf.data.Dataset.from_tensor_slices(INPUTS).batch(8), None, "batch 0: expected a pair"),
    (iter(()), None, "no batches"),
    (np.where(np.equal(INPUTS, INPUTS[3, 2]), np.inf, INPUTS), LABELS, r"inputs\[3, 2\]=inf"),
])
def test_data_that_are_no_data(inputs, labels, message):
    with pytest.raises(UserError, match=message) as caught:
        measure_sharpness(_model(), inputs, labels)
    assert "\n" not in str(caught.value)


def test_batches_that_do_not_fit_into_memory(monkeypatch):
    """The size of all is known from the first ones; a generator ends when the memory does."""
    monkeypatch.setattr(memory, "available", lambda: 5000)
    read = []

    def batches():
        for i in range(0, 30, 5):
            read.append(i)
            yield INPUTS[i:i + 5], LABELS[i:i + 5]

    dataset = tf.data.Dataset.from_tensor_slices((np.zeros((1000, 4), "float32"), np.zeros(1000, int))).batch(10)
    with pytest.raises(UserError, match="the batches take about 0.0 GB"):
        examples.read_examples(_model(), dataset)
    monkeypatch.setattr(memory, "available", lambda: 300)
    with pytest.raises(UserError, match="more than"):
        examples.read_examples(_model(), batches())
    assert len(read) < 6


def test_weights_of_some_batches_only():
    batches = [(INPUTS[:10], LABELS[:10]), (INPUTS[10:], LABELS[10:], np.ones(20))]
    for each in (batches, batches[::-1]):
        with pytest.raises(UserError, match="sample_weight: some batches have it and some have none"):
            measure_sharpness(_model(), each)


@pytest.mark.parametrize("arguments, message", [
    ({"dropout_active": "no"}, "dropout_active='no'"), ({"from_logits": "False"}, "from_logits='False'"),
    ({"per_layer": "yes"}, "per_layer='yes'"), ({"loss": "nonsense"}, "loss="), ({"loss": 3}, "loss=3"),
    ({"loss": "compiled"}, "not compiled"), ({"loss": "mse", "from_logits": True}, "only valid without loss"),
    ({"variables": "nothing*"}, "matches no trainable weight.*kernel"),
    ({"variables": []}, "variables is empty"), ({"variables": [3]}, "variables: 3 is no trainable weight"),
    ({"loss": keras.losses.MeanSquaredError}, "loss=<class"), ({"loss": "mse"}, r"labels of shape \(30,\) do not fit"),
])
def test_arguments(arguments, message):
    with pytest.raises(UserError, match=message):
        measure_sharpness(_model(), INPUTS, LABELS, **arguments)


def test_scalars_of_numpy_are_numbers():
    options = {"epsilon": np.float32(0.25), "subspace_dim": np.int64(3), "iterations": np.int32(2),
               "starts": np.uint8(1), "seed": np.int64(0), "batch_size": np.int64(10),
               "dropout_active": np.bool_(False)}
    plain = {name: value.item() for name, value in options.items()}
    model = _model()
    found, expected = (measure_sharpness(model, INPUTS, LABELS, **each) for each in (options, plain))
    assert found.sharpness == expected.sharpness
    assert found.configuration.to_json() == expected.configuration.to_json()
    assert found.configuration.digest() == expected.configuration.digest()


def test_keras_gives_its_whole_reason():
    class Refusing(keras.layers.Layer):
        def call(self, x):
            raise ValueError("the first line\nand the second, which matters")

        def compute_output_shape(self, shape):
            return shape

    with pytest.raises(UserError, match="the first line and the second, which matters"):
        measure_sharpness(_model(Refusing()), INPUTS, LABELS)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_weight_that_is_not_finite_is_named(value):
    model = _model(keras.layers.BatchNormalization(name="one"))
    kernel = model.layers[-1].kernel
    kernel.assign(np.where(np.arange(12).reshape(4, 3) == 5, value, kernel.numpy()))
    with pytest.raises(UserError, match=r"kernel' is not finite: \[1, 2\]="):
        measure_sharpness(model, INPUTS, LABELS)
    kernel.assign(np.zeros((4, 3)))
    model.layers[0].moving_variance.assign([1, 1, value, 1])
    with pytest.raises(UserError, match=r"one/moving_variance' is not finite: \[2\]="):
        measure_sharpness(model, INPUTS, LABELS)


def test_empty_weights():
    class Empty(keras.layers.Layer):
        def build(self, shape):
            self.nothing = self.add_weight(shape=(0,))

        def call(self, x):
            return x

    model = _model(Empty())
    model.layers[-1].trainable = False
    with pytest.raises(UserError, match="all are empty"):
        measure_sharpness(model, INPUTS, LABELS)


def test_a_stateful_layer_is_named():
    inputs = keras.Input((2, 2), batch_size=10)
    hidden = keras.layers.LSTM(3, stateful=True, name="carries")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
    with pytest.raises(UserError, match="'carries' is stateful"):
        measure_sharpness(model, INPUTS.reshape(30, 2, 2), LABELS)


def test_many_measurements_are_no_retracing(caplog, monkeypatch):
    # The entry scripts drop the message.
    monkeypatch.setattr(logging.getLogger("tensorflow"), "filters", [])
    with caplog.at_level(logging.WARNING, logger="tensorflow"):
        for _ in range(6):
            measure_sharpness(_model(), INPUTS, LABELS, iterations=1)
            objective = Objective(_model(), INPUTS, LABELS, jit_compile=True)
            objective.value_and_gradient(objective.x)
    assert "retracing" not in caplog.text


@pytest.mark.parametrize("loss, units, activation, warns", [
    ("sparse_categorical_crossentropy", 3, None, True), ("sparse_categorical_crossentropy", 3, "softmax", False),
    (keras.losses.SparseCategoricalCrossentropy(), 3, None, True),
    (keras.losses.SparseCategoricalCrossentropy(from_logits=True), 3, None, False),
    ("binary_crossentropy", 1, None, True), ("mse", 1, None, False)])
def test_logits_for_a_loss_of_probabilities_are_warned_of(loss, units, activation, warns, caplog):
    objective = Objective(cases.dense(units, activation), cases.INPUTS, cases.LABELS % max(units, 2), loss=loss)
    assert ("its loss takes probabilities, and its outputs are none" in caplog.text) is warns
    assert objective.size == cases.M
