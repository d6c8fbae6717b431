"""Watches a run as it trains: its history, and the loss that is no longer finite."""

import time

import keras


class Watch(keras.callbacks.TerminateOnNaN):
    """Keeps the history, and stops a run whose loss is no longer finite with the reason in `failure`.

    Attributes:
        batch_size: Of the present epoch where batches grow, for the history; None where they do not.
        evaluates: Whether the epoch is over and the test set is passed.
    """

    def __init__(self, history):
        super().__init__()
        self._history = history
        self.failure = None
        self.batch_size = None
        self.evaluates = False

    def on_test_begin(self, logs=None):
        self.evaluates = True

    def on_test_end(self, logs=None):
        self.evaluates = False

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._began = time.perf_counter()

    def on_batch_end(self, batch, logs=None):
        super().on_batch_end(batch, logs)
        if self.model.stop_training and self.failure is None:
            self.failure = f"the training loss became {logs['loss']} in epoch {self._epoch + 1}, batch {batch + 1}"

    def on_epoch_end(self, epoch, logs=None):
        row = {name: float(logs[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        row |= {"seconds": time.perf_counter() - self._began}
        if self.batch_size is not None:
            row |= {"batch_size": self.batch_size}
        self._history.append({"epoch": epoch + 1, **row})
