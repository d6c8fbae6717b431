"""Sharpness during training: the values, the logs, and training as if nothing had been measured."""

import csv
import functools

import keras
import numpy as np
import pytest

import models
from replication import configuration, data, records
from replication.errors import UserError
from replication.sharpness import SharpnessCallback, measure_sharpness
from replication.training import train
from replication.weights import load_minimizer
from tests import networks

INPUTS = np.random.default_rng(0).normal(size=(60, 6)).astype("float32")
LABELS = np.arange(60) % 3


def _model():
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8), keras.layers.BatchNormalization(),
                              keras.layers.ReLU(), keras.layers.Dropout(0.3),
                              keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def _fit(callbacks=(), **options):
    model = _model()
    history = model.fit(INPUTS, LABELS, batch_size=20, callbacks=list(callbacks), verbose=0,
                        **{"epochs": 4, **options})
    return model, history


@functools.cache
def _plain_weights():
    return _fit()[0].get_weights()


def _assert_trained_as_without(model):
    assert all(np.array_equal(a, b) for a, b in zip(_plain_weights(), model.get_weights(), strict=True))


def test_training_goes_on_bit_for_bit():
    _assert_trained_as_without(_fit([SharpnessCallback(INPUTS, LABELS, iterations=2)])[0])


def test_five_epochs_on_images_of_mnist5k():
    """The weights are those without the callback, and the values those of the iterates."""
    dataset = data.load("mnist5k")
    inputs, labels = dataset.train_inputs[:600], dataset.train_labels[:600]

    def fit(*callbacks):
        model = models.build(networks.TWO_LAYERS, seed=0, input_shape=inputs.shape[1:], classes=10)
        model.compile("adam", "sparse_categorical_crossentropy")
        keras.utils.set_random_seed(0)
        model.fit(inputs, labels, batch_size=200, epochs=5, verbose=0, callbacks=list(callbacks))
        return model

    iterates = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: iterates.append(keep.model.get_weights()))
    measuring = SharpnessCallback(inputs, labels, iterations=1)
    measured = fit(measuring, keep)
    plain = fit()
    assert all(np.array_equal(a, b) for a, b in zip(plain.get_weights(), measured.get_weights(), strict=True))
    assert [epoch for epoch, _ in measuring.results] == [1, 2, 3, 4, 5]
    for index in (0, 4):
        plain.set_weights(iterates[index])
        result = measuring.results[index][1]
        again = measure_sharpness(plain, inputs, labels, iterations=1)
        assert (result.sharpness, result.loss) == (again.sharpness, again.loss)


def test_loggers_see_it(tmp_path):
    callback = SharpnessCallback(INPUTS, LABELS, every=2, iterations=2, prefix="phi")
    model, history = _fit([callback, keras.callbacks.CSVLogger(tmp_path / "log.csv"),
                           keras.callbacks.TensorBoard(tmp_path / "board")])
    _assert_trained_as_without(model)
    values = history.history["phi"]
    assert np.isnan(values[0]) and np.isnan(values[2])
    assert [values[1], values[3]] == [result.sharpness for _, result in callback.results]
    assert history.history["phi_loss"][3] == callback.results[1][1].loss
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()))
    assert [float(row["phi"]) for row in rows[1::2]] == values[1::2]
    events = b"".join(path.read_bytes() for path in (tmp_path / "board").rglob("events*"))
    assert b"epoch_phi" in events


def test_batches_are_counted_over_epochs():
    callback = SharpnessCallback(INPUTS, LABELS, every=4, unit="batch", iterations=1)
    model, history = _fit([callback])
    _assert_trained_as_without(model)
    assert [number for number, _ in callback.results] == [4, 8, 12]
    assert history.history["sharpness"][1:] == [result.sharpness for _, result in callback.results]
    assert np.isnan(history.history["sharpness"][0])


def test_weights_that_are_trained_later_are_perturbed_later():
    model = _model()
    measuring = SharpnessCallback(iter([(INPUTS, LABELS)]), iterations=1)
    for trainable in (False, True):
        model.layers[0].trainable = trainable
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(INPUTS, LABELS, batch_size=20, verbose=0, callbacks=[measuring])
    parameters = [result.parameters for _, result in measuring.results]
    assert parameters[1] == parameters[0] + 6 * 8 + 8


@pytest.mark.parametrize("arguments, message", [
    ({"every": 0}, "every=0"), ({"unit": "step"}, "unit='step'"), ({"epsilons": 1}, "argument='epsilons'"),
    ({"per_layer": True}, "per_layer"), ({"epsilon": -1}, "epsilon=-1"), ({"examples": 5}, "argument='examples'")])
def test_bad_arguments_are_named_before_training(arguments, message):
    with pytest.raises(ValueError, match=message):
        SharpnessCallback(INPUTS, LABELS, **arguments)


def test_runs_of_this_package_take_callbacks(tmp_path):
    run = configuration.Run(networks.TWO_LAYERS, "LB", 0, "digits", 719, epochs=2)
    dataset = data.load(run.dataset)
    callback = SharpnessCallback(dataset.train_inputs, dataset.train_labels, iterations=1)
    record = train(run, records.Workdir(tmp_path / "measured"), callbacks=[callback], verbose=0)
    plain = train(run, records.Workdir(tmp_path / "plain"), verbose=0)
    assert record.minimizer.checksum == plain.minimizer.checksum
    result = measure_sharpness(load_minimizer(record), dataset.train_inputs, dataset.train_labels, iterations=1)
    assert callback.results[-1][1].sharpness == result.sharpness
    assert configuration.Sharpness(iterations=1) == callback.results[-1][1].configuration


def test_a_batch_size_of_numpy_is_one():
    callback = SharpnessCallback(INPUTS, LABELS, iterations=1, batch_size=np.int64(30))
    _fit([callback], epochs=1)
    assert callback.results[0][1].configuration.batch_size == 30


class _Diverging(keras.callbacks.Callback):
    """Makes the weights not finite after an epoch, as training that diverges does."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.after:
            self.model.layers[0].kernel.assign(np.full(self.model.layers[0].kernel.shape, np.nan))


@pytest.mark.parametrize("choices", [{}, {"subspace_dim": 5}])
def test_a_measurement_that_fails_later_does_not_end_the_training(choices, caplog):
    callback = SharpnessCallback(INPUTS, LABELS, iterations=1, **choices)
    _, history = _fit([_Diverging(after=1), callback], epochs=3)
    assert np.isfinite(history.history["sharpness"][0]) and np.isnan(history.history["sharpness"][1:]).all()
    assert len(callback.results) == 1 and "epoch 2: sharpness was not measured: a weight" in caplog.text
    with pytest.raises(UserError, match="not finite"):
        _fit([_Diverging(after=0), SharpnessCallback(INPUTS, LABELS, iterations=1)])
