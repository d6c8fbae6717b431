"""One training run: from a configuration to a minimizer on disk."""

import math

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from replication import configuration, data, errors, machine, memory
from replication.configuration import schedules
from replication.devices import devices
from replication.errors import TrainingFailedError
from replication.remedies import DynamicSampling
from replication.training import dynamic_sampling, iterates, state
from replication.training.batches import evaluation_batches, training_batches
from replication.training.determinism import make_deterministic
from replication.training.mirrored import synchronize
from replication.training.model import Examples
from replication.training.remedied import compiled
from replication.training.stopping import StopWhenLossCeases
from replication.training.watch import Watch
from replication.weights import build_network, flatten_weights, load_weights, save_weights


def train(run, workdir, *, data_dir=None, dataset=None, network=None, wait=False, verbose=1, tensorboard=False,
          keep=()):
    """Trains one network from its starting point to a minimizer x*, and leaves a record.

    The starting point is x_0, or an iterate of another run; either way the optimizer starts afresh. A finished
    run is not repeated, nor one that has failed; an interrupted one goes on from its last epoch. Iterates that a
    finished run has not kept are made by training it once more, up to the last one missing; nothing else of its
    record is touched.

    Args:
        run: A `configuration.Run`.
        workdir: A `records.Workdir`.
        data_dir: TFDS's folder; None for its default.
        dataset: A `data.Data` to train on in place of the run's whole data set, such as a part of it; None for that.
        network: The run's network at x_0, as `weights.build_network` makes it; None builds it. A run on
            several devices builds its own.
        wait: Whether to wait for another process that works on the same run, or to raise.
        verbose: Keras's progress display: 0 none, 1 a bar, 2 a line an epoch.
        tensorboard: Whether to write TensorBoard's event files to the run's folder `logs`.
        keep: Iterable of schedules, each a whole number: k >= 1 keeps the iterate of every k-th epoch, 0 those
            of the powers of two and of the last epoch.

    Returns:
        The finished `records.RunRecord`.

    Raises:
        MissingDataError: the data set is not prepared.
        BusyError: another process works on this run and `wait` is false.
        TrainingFailedError: the loss became NaN or infinite, now or before; failure.json tells the epoch.
        UserError: the record on disk is damaged or was started on other data, or the iterate to start at was
            not kept; the message names the command that keeps it.
    """
    record, keep = workdir.run(run), tuple(keep)
    for schedule in keep:
        schedules.require_schedule("keep", schedule)
    with record.lock(wait=wait):
        if record.is_finished:
            record.check_configuration()
            record.check()
            # Where the process was killed between the two.
            record.drop_backup()
            logging.info("%s: finished already", record.folder)
        elif (reason := record.failure) is not None:
            raise _failed(record, reason)
        else:
            dataset = _prepare_data(run, data_dir, dataset)
            start = _starting_point(run, workdir, dataset)
            session = {"versions": machine.versions(), "machine": {**machine.hardware(), **_threads()}}
            record.start({"configuration": run.to_json(), "data": dataset.to_json(), **session})
            _Training(run, record, dataset, start, network).finish(
                verbose=verbose, tensorboard=tensorboard, keep=keep, session=session)
        iterates.keep_minimizer(record, keep)
        if missing := iterates.missing_epochs(record, keep):
            dataset = _prepare_data(run, data_dir, dataset)
            record.check_data(dataset.to_json())
            _Training(run, record, dataset, record.iterate(0)).replay(missing, verbose=verbose)
    return record


def _prepare_data(run, data_dir, dataset):
    if run.deterministic:
        make_deterministic()
    if run.distribution is not None:
        # Before anything else starts TensorFlow.
        devices(run.distribution.devices)
    if dataset is None:
        dataset = data.load(run.dataset, data_dir)
    dataset.check_run(run)
    if run.distribution is not None:
        run.distribution.check_batches(run.batch_size, len(dataset.train_labels))
    return dataset


def _starting_point(run, workdir, dataset):
    """The iterate of another run that a run starts at, a `records.WeightsRecord`; None for x_0."""
    if run.start is None:
        return None
    other = workdir.run_named(run.start.run)
    start = other.kept_iterate(run.start.epoch)
    errors.require(other.configuration.architecture == run.architecture, "start.run", run.start.run,
                       f"a run of the architecture {run.architecture}")
    other.check_data(dataset.to_json())
    return start


def _failed(record, reason):
    return TrainingFailedError(f"{record.folder}: {reason}; a smaller --learning_rate may help; remove failure.json "
                               "to try again")


class _Training:
    """A run in progress: its model, its data on the device and its history.

    Args:
        run: A `configuration.Run`.
        record: Its `records.RunRecord`.
        dataset: Its `data.Data`.
        start: Where it starts, a `records.WeightsRecord`; None for the x_0 of its trial.
        network: As in `train`.
    """

    def __init__(self, run, record, dataset, start=None, network=None):
        self._run = run
        self._record = record
        self._devices = devices(run.distribution and run.distribution.devices)
        self._examples = Examples(dataset, self._devices)
        self._network = self._build(run.statistics) if network is None or run.distribution is not None else network
        if start is not None:
            load_weights(self._network, start)
        # A second model of the same layers: a compiled one would save its optimizer with its weights.
        self._model = compiled(self._network, run, self._examples)
        with self._devices.scope():
            self._model.optimizer.build(self._model.trainable_variables)
        self._initial = flatten_weights(self._network)

    def _build(self, statistics):
        distribution = self._run.distribution
        with self._devices.scope():
            network = build_network(self._run, statistics=statistics)
        if distribution is not None and distribution.synchronized:
            synchronize(network)
        return network

    def finish(self, *, verbose, tensorboard, keep, session):
        """Trains to the end and writes the minimizer and the result, and on the way the iterates to keep.

        Args:
            verbose, tensorboard, keep: As in `train`.
            session: The fields "versions" and "machine" of this process, as in config.json.
        """
        record, run = self._record, self._run
        # Of a run that goes on as well: nothing but result.json tells whether the file is still as it was.
        save_weights(self._network, record.initial_weights)
        history, sessions = state.restore(record.state, self._model)
        before = sessions[-1] if sessions else record.config
        if any(before.get(name) != value for name, value in session.items()):
            logging.warning("%s: from epoch %d on another machine, with other threads or other versions than before; "
                            "result.json will tell them", record.folder, len(history) + 1)
            sessions.append({"from_epoch": len(history) + 1, **session})
        stopping = StopWhenLossCeases([row["loss"] for row in history], patience=run.patience,
                                      min_improvement=run.min_improvement)
        # Looked at once, before training: memory that TensorFlow keeps would look taken after it.
        with self._fitting_evaluation():
            if len(history) < self._last_epoch and not (run.epochs is None and stopping.ceased):
                callbacks = [stopping] if run.epochs is None else []
                callbacks += [iterates.KeepIterates(record, self._network, keep),
                              state.SaveState(record.state, history, sessions)]
                if tensorboard:
                    callbacks.append(keras.callbacks.TensorBoard(log_dir=str(record.logs)))
                self._fit(history, callbacks, epochs=self._last_epoch, verbose=verbose)
            figures = {mode: self._evaluate(mode) for mode in configuration.STATISTICS}
        distance = float(np.linalg.norm(flatten_weights(self._network) - self._initial))
        if not np.isfinite([distance, *(figure for each in figures.values() for figure in each.values())]).all():
            self._fail(f"epoch {len(history)}: the loss at the weights it ended with is not finite")
        record.write_history(history)
        save_weights(self._network, record.final_weights)
        record.finish({
            "epochs": len(history),
            "stop": self._reason(len(history), stopping),
            **figures,
            "distance_from_start": distance,
            "parameters": len(self._initial),
            "gradients": self._gradients(history),
            "seconds": sum(row["seconds"] for row in history),
            **({"sessions": sessions} if sessions else {}),
        })

    @property
    def _last_epoch(self):
        return self._run.max_epochs if self._run.epochs is None else self._run.epochs

    def replay(self, missing, *, verbose):
        """Trains a finished run once more and writes the iterates of the epochs in `missing`, nothing else."""
        callbacks = [iterates.ReplayIterates(self._record, self._network, missing)]
        with self._fitting_evaluation():
            self._fit([], callbacks, epochs=missing[-1], verbose=verbose)

    def _fit(self, history, callbacks, *, epochs, verbose):
        run = self._run
        watch = Watch(history)
        size = self._examples.size("train")
        rows = self._devices.rows_per_memory(run.batch_size)
        with memory.guard(self._network, rows, is_in_use=lambda: not watch.evaluates):
            for batch_size, last in self._stages(history, watch, epochs):
                batches = training_batches(size, batch_size=batch_size, seed=run.trial, first_epoch=len(history))
                self._model.fit(
                    batches, steps_per_epoch=math.ceil(size / batch_size), initial_epoch=len(history), epochs=last,
                    callbacks=[watch, *callbacks], verbose=verbose, shuffle=False,
                    validation_data=self._evaluation("test"),
                )
        if watch.failure:
            self._fail(watch.failure)

    def _fail(self, reason):
        # A replay that fails where the run did not leaves the run as it is.
        if not self._record.is_finished:
            # In this order: killed between the two, the run begins again and ends here.
            self._record.drop_backup()
            self._record.fail(reason)
            raise _failed(self._record, reason)
        raise TrainingFailedError(f"{self._record.folder}: trained once more, {reason}")

    def _stages(self, history, watch, epochs):
        """The parts of the run, up to so many epochs, with one batch size each: the size, and the last epoch."""
        if not isinstance(self._run.remedy, DynamicSampling):
            yield self._run.batch_size, epochs
            return
        while len(history) < epochs and not self._model.stop_training:
            watch.batch_size = dynamic_sampling.batch_size(self._run, history, self._model, self._examples)
            yield watch.batch_size, len(history) + 1

    def _gradients(self, history):
        """Gradients of single examples that training has taken, those of dynamic sampling's tests among them."""
        run, size = self._run, self._examples.size("train")
        total = len(history) * size * (1 if run.remedy is None else run.remedy.gradients)
        if isinstance(run.remedy, DynamicSampling):
            total += dynamic_sampling.gradients_of_tests(run, history, size)
        return total

    def _reason(self, epochs, stopping):
        run = self._run
        if run.epochs is not None:
            return f"{run.epochs} epochs were asked for"
        if stopping.ceased:
            return (f"the training loss ceased to improve: no decrease by {run.min_improvement:.0%} "
                    f"in {run.patience} epochs")
        return f"the upper bound of {epochs} epochs"

    def _evaluate(self, statistics):
        model = self._model
        if statistics != self._run.statistics:
            network = self._build(statistics)
            network.set_weights(self._network.get_weights())
            model = compiled(network, self._run, self._examples)
        figures = {}
        for split in ("train", "test"):
            loss, accuracy = model.evaluate(self._evaluation(split), verbose=0)
            figures |= {f"{split}_loss": loss, f"{split}_accuracy": accuracy}
        return figures

    def _evaluation(self, split):
        return evaluation_batches(split, *self._partition(split))

    def _partition(self, split):
        return data.partition(self._examples.size(split), self._run.evaluation_batch_size)

    def _fitting_evaluation(self):
        """A block whose evaluations fit into memory, those in `fit` among them, or are an error of their own."""
        # Batches differ by one example at most, larger ones first.
        largest = max(int(self._partition(split)[1][1]) for split in ("train", "test"))
        rows = self._devices.rows_per_memory(largest)
        return memory.guard(self._network, rows, "evaluation_batch_size", backward=False)


def _threads():
    return {
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads(),
        "devices": [device.device_type for device in tf.config.list_physical_devices()],
    }
