"""Keeps the iterates of a run: while it trains, or afterwards by training it once more."""

import math
import shutil

import keras
from absl import logging

from replication import files
from replication.configuration import schedules
from replication.weights import save_weights


class KeepIterates(keras.callbacks.Callback):
    """Keeps the iterates of some epochs; to come before the callback that saves the run's state.

    Then no epoch that a resumed run begins after lacks its iterate. Where the loss is not finite there is none.

    Args:
        record: The run's `records.RunRecord`.
        network: The network that is trained, without an optimizer.
        keep: Schedules, as in `configuration.schedules`.
    """

    def __init__(self, record, network, keep):
        super().__init__()
        self._record = record
        self._network = network
        self._keep = keep

    def on_epoch_end(self, epoch, logs=None):
        if math.isfinite(logs["loss"]) and any(schedules.contains(schedule, epoch + 1) for schedule in self._keep):
            _write(self._record.iterate(epoch + 1), self._network)


class ReplayIterates(keras.callbacks.Callback):
    """Keeps iterates of a finished run that is trained once more, and says whether it is the same run.

    Args:
        record, network: As in `KeepIterates`.
        epochs: The epochs whose iterates are missing.
    """

    def __init__(self, record, network, epochs):
        super().__init__()
        self._record = record
        self._network = network
        self._epochs = epochs
        self._losses = [row["loss"] for row in record.history]
        self._replayed = "identical"

    def on_epoch_end(self, epoch, logs=None):
        if self._replayed == "identical" and float(logs["loss"]) != self._losses[epoch]:
            self._replayed = f"differs from epoch {epoch + 1}"
            logging.warning("%s: trained once more for its iterates, the run is not the same from epoch %d; "
                            "iterate.json says so of each", self._record.folder, epoch + 1)
        if math.isfinite(logs["loss"]) and epoch + 1 in self._epochs:
            _write(self._record.iterate(epoch + 1), self._network, replayed=self._replayed)


def keep_minimizer(record, keep):
    """Keeps the last iterate of a finished run, which is its minimizer, where `keep` has it and it is missing."""
    iterate = record.iterate(record.epochs)
    if iterate.epoch in missing_epochs(record, keep) and record.final_weights.exists():
        with files.replacing(iterate.weights) as temporary:
            shutil.copyfile(record.final_weights, temporary)
        iterate.finish()


def missing_epochs(record, keep):
    """The epochs of a finished run that `keep` has and whose iterates are missing."""
    return [epoch for epoch in schedules.epochs(keep, record.epochs) if not record.iterate(epoch).exists]


def _write(iterate, network, **remarks):
    iterate.begin()
    save_weights(network, iterate.weights)
    iterate.finish(**remarks)
