"""A Keras callback that measures sharpness during training."""

import inspect
import math

import keras
import tensorflow as tf
from absl import logging

from replication import configuration
from replication.errors import MeasurementFailedError, UserError, require, require_name
from replication.fields import Whole
from replication.sharpness.checks import log_warnings
from replication.sharpness.examples import read_examples
from replication.sharpness.metric import compute, measure_sharpness
from replication.sharpness.objective import Objective

_UNITS = ("epoch", "batch")
_CHOICES = inspect.signature(measure_sharpness).parameters.keys() - {"model", "inputs", "labels", "per_layer"}
_FIELDS = inspect.signature(configuration.Sharpness).parameters
_OF_OBJECTIVE = ("statistics", "batch_size", "dropout_active", "from_logits", "loss", "variables")


class SharpnessCallback(keras.callbacks.Callback):
    """Measures Metric 2.1 of a model while `fit` trains it, and adds it to the logs.

    Training goes on bit for bit as without the callback. Callbacks that come after it in the list of `fit`, such as
    `CSVLogger`, `TensorBoard` or that of Weights & Biases, write the values as they write the loss. An epoch without a
    measurement has NaN, because loggers take their columns from the first epoch. A measurement that fails raises its
    error if it is the first in a call of `fit`; later, for instance when the loss is no longer finite, a warning tells.

    Args:
        inputs, labels: The training set, see `measure_sharpness`. They are read at the first measurement.
        every: Number of epochs or batches between measurements, default 1. With `steps_per_execution`, a measurement
            follows the execution within which its batch lies.
        unit: "epoch" (default) or "batch". With "batch" an epoch has the value of its last measurement.
        prefix: The name of the sharpness in the logs, default "sharpness"; f(x) has the name `prefix`_loss.
        **choices: Arguments of `measure_sharpness`, except for `per_layer`.

    Attributes:
        results: The `SharpnessResult`s so far, as pairs with the number of the epoch or batch, counted from 1 in all
            calls of `fit`.

    Raises:
        UserError: an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="softmax")])
    >>> model.compile("sgd", "sparse_categorical_crossentropy")
    >>> x, y = np.eye(2, dtype="float32"), np.array([0, 1])
    >>> history = model.fit(x, y, epochs=2, verbose=0, callbacks=[SharpnessCallback(x, y, epsilon=0.01)])
    >>> len(history.history["sharpness"])
    2
    """

    def __init__(self, inputs, labels=None, *, every: int = 1, unit: str = "epoch", prefix: str = "sharpness",
                 **choices):
        super().__init__()
        require(Whole(1).admits(every), "every", every, Whole(1).expected)
        require_name("unit", unit, _UNITS)
        for name in choices:
            require(name in _CHOICES, "argument", name, "one of those of measure_sharpness, except for per_layer")
        fields = {**choices, "subspace_dim": choices.get("subspace_dim") or 0}
        self._choices = configuration.Sharpness(**{name: fields[name] for name in fields if name in _FIELDS})
        self._of_objective = {name: value for name, value in choices.items() if name in _OF_OBJECTIVE}
        self._data = inputs, labels
        self._every, self._unit, self._prefix = every, unit, prefix
        self._objective, self._examples, self._read_for = None, None, None
        self._has_measured, self._done, self._batches = False, 0, 0
        self._last = {prefix: math.nan, f"{prefix}_loss": math.nan}
        self.results = []

    def on_train_begin(self, logs=None):
        # Layers may have been frozen, and the model compiled anew, since the last call of `fit`. A model that `fit`
        # builds is measured for the first time when it is built.
        self._objective, self._has_measured = None, False
        if tf.distribute.has_strategy():
            raise UserError("SharpnessCallback: within strategy.scope(); expected fit outside of it")

    def on_train_batch_end(self, batch, logs=None):
        if self._unit == "batch":
            # With `steps_per_execution` Keras calls this once for several batches, the last time beyond the end.
            done = min(batch + 1, (self.params or {}).get("steps") or math.inf)
            self._advance(done - self._batches, logs)
            self._batches = done

    def on_epoch_begin(self, epoch, logs=None):
        self._last, self._batches = dict.fromkeys(self._last, math.nan), 0

    def on_epoch_end(self, epoch, logs=None):
        if self._unit == "epoch":
            self._advance(1, logs)
        if logs is not None:
            logs.update(self._last)

    def _advance(self, number, logs):
        before, self._done = self._done, self._done + number
        if self._done // self._every == before // self._every:
            return
        if self._objective is None:
            # Data that are given as batches can be read once only.
            if self._read_for is not self.model:
                self._examples, self._read_for = read_examples(self.model, *self._data), self.model
            self._objective = Objective(self.model, self._examples, **self._of_objective)
            log_warnings(self._objective)
        else:
            self._objective.reread()
        try:
            result = compute(self._objective, self._choices)
        except MeasurementFailedError as error:
            if not self._has_measured:
                raise
            logging.warning("%s %d: sharpness was not measured: %s", self._unit, self._done, error)
            return
        self._has_measured = True
        self.results.append((self._done, result))
        self._last = {self._prefix: result.sharpness, f"{self._prefix}_loss": result.loss}
        if logs is not None:
            logs.update(self._last)
