"""The iterates of a run: kept during training or by training once more, and used as starting points."""

import math
import shutil

import keras
from absl import logging

from replication import files
from replication.configuration import tasks
from replication.errors import UserError, require
from replication.weights import save_weights


class KeepIterates(keras.callbacks.Callback):
    """Saves the weights after the epochs of some schedules, unless the loss is not finite.

    It must precede `SaveState`, so that no iterate is missing before the epoch from which a run is resumed.

    Args:
        record: The run's `records.RunRecord`.
        network: The network that is trained, without an optimizer.
        keep: Schedules, see `configuration.tasks`.
    """

    def __init__(self, record, network, keep):
        super().__init__()
        self._record = record
        self._network = network
        self._keep = keep

    def on_epoch_end(self, epoch, logs=None):
        if math.isfinite(logs["loss"]) and any(tasks.contains(schedule, epoch + 1) for schedule in self._keep):
            _write(self._record.iterate(epoch + 1), self._network)


class ReplayIterates(keras.callbacks.Callback):
    """Saves missing iterates of a finished run that is trained once more.

    Each iterate states whether the losses up to it were identical to those of the finished run.

    Args:
        record, network: The same as for `KeepIterates`.
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
                            "the iterate.json of each iterate says so", self._record.folder, epoch + 1)
        if math.isfinite(logs["loss"]) and epoch + 1 in self._epochs:
            _write(self._record.iterate(epoch + 1), self._network, replayed=self._replayed)


def keep_minimizer(record, keep):
    """Saves the minimizer of a finished run as its last iterate if the schedules `keep` ask for it."""
    iterate = record.iterate(record.epochs)
    if iterate.epoch in missing_epochs(record, keep) and record.final_weights.exists():
        with files.replacing(iterate.weights) as temporary:
            shutil.copyfile(record.final_weights, temporary)
        iterate.finish()


def drop_others(record, keep, *, epochs, stops):
    """Removes the iterates of a run at its end that were kept because its stops were not known before.

    Args:
        record: Its `records.RunRecord`.
        keep: The schedules whose iterates are kept.
        epochs: The epoch at which it ends.
        stops: The epochs at which it would have ended, by the name of the stop; empty if it has but one.
    """
    if tasks.STOPS in keep:
        asked = tasks.scheduled_epochs(keep, epochs, tuple(stops.values()) or (epochs,))
        for iterate in record.iterates():
            if iterate.epoch not in asked:
                shutil.rmtree(iterate.folder)


def drop_abandoned(record):
    """Removes the iterates of an attempt that was given up, before a run begins again, perhaps along another way."""
    for iterate in record.iterates():
        shutil.rmtree(iterate.folder)


def missing_epochs(record, keep):
    """The epochs of a finished run that the schedules `keep` ask for and that have no iterate."""
    return [epoch for epoch in tasks.scheduled_epochs(keep, record.epochs, record.stops)
            if not record.iterate(epoch).exists]


def starting_point(run, workdir, dataset):
    """The iterate or minimizer of another run at which a run starts, a `records.folder.WeightsRecord`; None for x_0.

    Raises:
        UserError: the iterate was not kept, the other run is not finished, or it has another architecture,
            normalization or other data.
    """
    if run.start is None:
        return None
    other = workdir.run_named(run.start.run)
    if run.start.epoch is None and not other.is_finished:
        raise UserError(f"{other.folder}: not finished, so there is no minimizer to start from; train it first")
    start = other.minimizer if run.start.epoch is None else other.kept_iterate(run.start.epoch)
    require(other.configuration.architecture == run.architecture, "start.run", run.start.run,
            f"a run of the architecture {run.architecture}")
    require(other.configuration.without_normalization == run.without_normalization, "start.run", run.start.run,
            f"a run with{'out' if run.without_normalization else ''} batch normalization")
    other.check_data(dataset.to_json())
    return start


def _write(iterate, network, **remarks):
    iterate.begin()
    save_weights(network, iterate.weights)
    iterate.finish(**remarks)
