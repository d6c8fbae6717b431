"""One training run: from a configuration to a minimizer on disk."""

import math
import shutil

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from replication import configuration, data, files, machine, memory
from replication.configuration.tasks import require_schedule
from replication.devices import devices
from replication.errors import TrainingFailedError
from replication.training import iterates, state
from replication.training.batches import Examples, training_batches
from replication.training.callbacks import History, Stopping, StopWhenNotFinite
from replication.training.compilation import build_training_model, make_deterministic
from replication.training.evaluation import Evaluation
from replication.training.model import place_network
from replication.weights import flatten_weights, load_weights, save_weights


def train(run, workdir, *, data_dir=None, dataset=None, recorded_data=None, network=None, wait=False, verbose=1,
          tensorboard=False, keep=(), callbacks=()):
    """Trains one network from its starting point to a minimizer x*, and leaves a record.

    The starting point is x_0 or an iterate of another run; the optimizer starts from its initial state either way. A
    run that is finished or has failed is not repeated, and an interrupted one continues after its last epoch. If a
    finished run lacks iterates of `keep`, it is trained once more up to the last missing one; nothing else in its
    record changes.

    Args:
        run: A `configuration.Run`.
        workdir: A `records.Workdir`.
        data_dir: TFDS's folder; None for its default.
        dataset: A `data.Data` that replaces the run's data set, such as a part of it; None loads the data set.
        recorded_data: The `data.Data.to_json()` of the run that is repeated; a warning tells if the data are others.
        network: The run's network at x_0, as `weights.build_network` returns it; None builds it. A run on several
            devices always builds its own.
        wait: Whether to wait for another process that works on the same run, or to raise an error.
        verbose: Keras's progress display: 0 for none, 1 for a bar, 2 for a line an epoch.
        tensorboard: Whether to write TensorBoard's event files to the folder `logs` of the run.
        keep: Schedules of the iterates to keep, an iterable of whole numbers: k >= 1 for every k-th epoch, 0 for the
            powers of two and the last epoch.
        callbacks: Keras callbacks for `fit`, for example a `sharpness.SharpnessCallback`. They see the epochs that this
            call trains: none of a finished run, and the remaining ones of an interrupted run. If one of them ends the
            training, the record says so, and the run counts as finished. A remedy whose batches grow calls `fit` once
            an epoch, so that Keras's callbacks with a patience begin anew each time.

    Returns:
        The finished `records.RunRecord`.

    Raises:
        MissingDataError: the data set is not prepared.
        BusyError: another process works on this run and `wait` is false.
        TrainingFailedError: the loss became NaN or infinite, now or before; failure.json states the epoch.
        UserError: the record on disk is damaged or was started on other data, or the iterate to start at was not kept;
            the message names the command that keeps it.
    """
    record, keep = workdir.run(run), tuple(keep)
    for schedule in keep:
        require_schedule("keep", schedule)
    if not record.was_begun:
        # Before the lock makes the folder: a data set that is missing leaves none.
        dataset = _prepare_data(run, data_dir, dataset)
        if recorded_data not in (None, dataset.to_json()):
            logging.warning("%s: the run that is repeated was trained on other data than the %s prepared now",
                            record.name, dataset.name)
    with record.lock(wait=wait):
        if record.is_finished:
            record.check_configuration()
            record.check()
            # A finished run needs no data.
            if dataset is not None:
                record.check_data(dataset.to_json())
            # The process may have been killed between writing the result and this.
            record.drop_backup()
            logging.info("%s: finished already", record.folder)
        elif (reason := record.failure) is not None:
            raise _failed(record, reason)
        else:
            dataset = _prepare_data(run, data_dir, dataset)
            start = iterates.starting_point(run, workdir, dataset)
            session = {"versions": machine.versions(), "machine": {**machine.hardware(), **_threads()}}
            record.start({"configuration": run.to_json(), "data": dataset.to_json(), **session})
            _Training(run, record, dataset, start=start, network=network).finish(
                verbose=verbose, tensorboard=tensorboard, keep=keep, callbacks=callbacks, session=session)
        iterates.keep_minimizer(record, keep)
        if missing := iterates.missing_epochs(record, keep):
            dataset = _prepare_data(run, data_dir, dataset)
            record.check_data(dataset.to_json())
            _Training(run, record, dataset, start=record.iterate(0)).replay(missing, verbose=verbose)
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


def _failed(record, reason):
    return TrainingFailedError(f"{record.folder}: {reason}; a smaller --learning_rate may help; remove failure.json "
                               "to try again")


def _threads():
    return {
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads(),
        "devices": [device.device_type for device in tf.config.list_physical_devices()],
    }


class _Training:
    """A run in progress: its network, its model and its examples.

    Args:
        run: A `configuration.Run`.
        record: Its `records.RunRecord`.
        dataset: Its `data.Data`.
        start: Its starting point, a `records.folder.WeightsRecord`; None for the x_0 of its trial.
        network: The same as for `train`.
    """

    def __init__(self, run, record, dataset, *, start=None, network=None):
        self._run = run
        self._record = record
        self._devices = devices(run.distribution and run.distribution.devices)
        self._examples = Examples(dataset, self._devices)
        if network is None or run.distribution is not None:
            network = place_network(run, self._devices, run.statistics)
        self._network = network
        self._start = start
        if start is not None:
            load_weights(network, start)
        # A second model of the same layers: a compiled one would save its optimizer with its weights.
        self._model = build_training_model(network, run, self._examples)
        with self._devices.scope():
            self._model.optimizer.build(self._model.trainable_variables)
        self._initial = flatten_weights(network)
        self._evaluation = Evaluation(run, network, self._model, self._examples)

    def finish(self, *, verbose, tensorboard, keep, callbacks, session):
        """Trains to the end, and writes the iterates, the minimizer and the result.

        Args:
            verbose, tensorboard, keep, callbacks: The same as for `train`.
            session: The fields "versions" and "machine" of this process, as in config.json.
        """
        record, run = self._record, self._run
        record.check_start()
        # Rewritten when a run is resumed: only result.json holds its checksum.
        if self._start is None:
            save_weights(self._network, record.initial_weights)
        else:
            # Another version of HDF5 might write the same weights as other bytes.
            with files.replacing(record.initial_weights) as temporary:
                shutil.copyfile(self._start.weights, temporary)
        history, sessions = state.restore(record.state, self._model)
        if not history:
            iterates.drop_abandoned(record)
        before = sessions[-1] if sessions else record.config
        if any(before.get(name) != value for name, value in session.items()):
            logging.warning("%s: continues from epoch %d on another machine, or with other threads or versions; "
                            "result.json will list them", record.folder, len(history) + 1)
            sessions.append({"from_epoch": len(history) + 1, **session})
        stopping = Stopping(run, history, self._evaluation.of_the_training_set)
        last_epoch = run.max_epochs if run.epochs is None else run.epochs
        # Checked once, before training: memory that TensorFlow keeps would look taken afterwards.
        with self._evaluation.fitting():
            if len(history) < last_epoch and not stopping.ended:
                callbacks = [stopping, iterates.KeepIterates(record, self._network, keep),
                             state.SaveState(record.state, history, sessions), *callbacks]
                if tensorboard:
                    callbacks.append(keras.callbacks.TensorBoard(log_dir=str(record.logs)))
                self._fit(history, callbacks, epochs=last_epoch, verbose=verbose)
            metrics = {mode: self._evaluation.metrics(mode) for mode in configuration.STATISTICS}
        distance = float(np.linalg.norm(flatten_weights(self._network) - self._initial))
        if not np.isfinite([distance, *(value for each in metrics.values() for value in each.values())]).all():
            self._fail(f"epoch {len(history)}: the loss at the weights it ended with is not finite")
        record.write_history(history)
        save_weights(self._network, record.final_weights)
        # Before the result: if the process is killed between the two, the run ends here once more.
        iterates.drop_others(record, keep, epochs=len(history), stops=stopping.stops)
        record.finish({
            "epochs": len(history),
            "stop": stopping.reason,
            **({"stops": stopping.stops, "target_reached": stopping.reached} if stopping.stops else {}),
            **metrics,
            "distance_from_start": distance,
            "parameters": len(self._initial),
            "gradients": self._gradients(history),
            "seconds": sum(row["seconds"] for row in history),
            **({"sessions": sessions} if sessions else {}),
        })

    def replay(self, missing, *, verbose):
        """Trains a finished run once more and writes only the iterates of the epochs in `missing`."""
        callbacks = [iterates.ReplayIterates(self._record, self._network, missing)]
        with self._evaluation.fitting():
            self._fit([], callbacks, epochs=missing[-1], verbose=verbose)

    def _fit(self, history, callbacks, *, epochs, verbose):
        run, size = self._run, self._examples.size("train")
        rows, finite, watch = History(history), StopWhenNotFinite(), self._evaluation.watch
        largest, held = (self._devices.rows_per_memory(number) for number in (
            min(run.batch_size, size), self._model.remedy.examples_at_once(min(run.batch_size, size))))
        name, largest = ("batch_size", largest) if held >= largest else ("size of the remedy's parts", held)
        with memory.guard(self._network, largest, name, held=held, recomputable=run.distribution is None,
                          is_in_use=lambda: not watch.is_evaluating):
            while len(history) < epochs and not self._model.stop_training:
                rows.batch_size = self._model.remedy.batch_size(run, history, self._model, examples=self._examples)
                batch_size = rows.batch_size or run.batch_size
                batches = training_batches(size, batch_size=batch_size, seed=run.trial, first_epoch=len(history))
                self._model.fit(
                    batches, steps_per_epoch=math.ceil(size / batch_size), initial_epoch=len(history),
                    epochs=epochs if rows.batch_size is None else len(history) + 1,
                    callbacks=[rows, finite, watch, *callbacks], verbose=verbose, shuffle=False,
                    validation_data=self._evaluation.batches("test"),
                )
        if finite.failure:
            self._fail(finite.failure)

    def _fail(self, reason):
        # A replay that fails where the run did not leaves the record as it is.
        if self._record.is_finished:
            raise TrainingFailedError(f"{self._record.folder}: trained once more, {reason}")
        # In this order: if the process is killed between the two, the run begins again and ends here.
        self._record.drop_backup()
        self._record.fail(reason)
        raise _failed(self._record, reason)

    def _gradients(self, history):
        """Number of gradients of single examples that training has taken, including those of the remedy's tests."""
        remedy, size = self._model.remedy, self._examples.size("train")
        return len(history) * size * remedy.gradients + remedy.test_gradients(self._run, history, size)
