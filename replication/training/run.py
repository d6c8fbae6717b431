"""One training run: from a configuration to a minimizer on disk."""

import dataclasses
import math
import time

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from models.weights import flatten_weights
from replication import configuration, data, files, versions
from replication.errors import TrainingFailedError
from replication.minimizers import build_network
from replication.training import state
from replication.training.batches import evaluation_batches, training_batches
from replication.training.determinism import make_deterministic
from replication.training.stopping import StopWhenLossCeases

_OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "sgd": keras.optimizers.SGD,
    "adagrad": keras.optimizers.Adagrad,
}


def train(run, workdir, *, data_dir=None, wait=False, verbose=1, tensorboard=False):
    """Trains one network from its starting point x_0 to a minimizer x*, and leaves a record.

    A finished run is not repeated; an interrupted one goes on from its last epoch.

    Args:
        run: A `configuration.Run`.
        workdir: A `records.Workdir`.
        data_dir: TFDS's folder; None for its default.
        wait: Whether to wait for another process that works on the same run, or to raise.
        verbose: Keras's progress display: 0 none, 1 a bar, 2 a line an epoch.
        tensorboard: Whether to write TensorBoard's event files to the run's folder `logs`.

    Returns:
        The finished `records.RunRecord`.

    Raises:
        MissingDataError: the data set is not prepared.
        BusyError: another process works on this run and `wait` is false.
        TrainingFailedError: the loss became NaN or infinite; failure.json tells the epoch.
        UserError: the record on disk is damaged or was started on other data.
    """
    record = workdir.run(run)
    with record.lock(wait=wait):
        if record.is_finished:
            record.check_configuration()
            record.check()
            logging.info("%s: finished already", record.folder)
            return record
        if run.deterministic:
            make_deterministic()
        dataset = data.load(run.dataset, data_dir)
        dataset.check_run(run)
        record.start({"configuration": run.to_json(), "data": dataset.to_json(),
                      "versions": versions.versions(), "machine": {**versions.machine(), **_threads()}})
        _Training(run, record, dataset).finish(verbose=verbose, tensorboard=tensorboard)
    return record


class _Training:
    """A run in progress: its model, its data on the device and its history."""

    def __init__(self, run, record, dataset):
        self._run = run
        self._record = record
        self._train = [tf.convert_to_tensor(a) for a in (dataset.train_inputs, dataset.train_labels)]
        self._test = [tf.convert_to_tensor(a) for a in (dataset.test_inputs, dataset.test_labels)]
        self._network = build_network(run)
        self._model = self._compiled(self._network)
        self._initial = flatten_weights(self._network)

    def finish(self, *, verbose, tensorboard):
        """Trains to the end and writes the minimizer and the result."""
        record, run = self._record, self._run
        if not record.initial_weights.exists():
            save_weights(self._network, record.initial_weights)
        self._model.optimizer.build(self._model.trainable_variables)
        history = state.restore(record.state, self._model)
        stopping = StopWhenLossCeases([row["loss"] for row in history], patience=run.patience,
                                      min_improvement=run.min_improvement)
        if len(history) < self._last_epoch and not (run.epochs is None and stopping.ceased):
            self._fit(history, stopping, verbose=verbose, tensorboard=tensorboard)
        record.write_history(history)
        save_weights(self._network, record.final_weights)
        record.finish({
            "epochs": len(history),
            "stop": self._reason(len(history), stopping),
            **{mode: self._evaluate(mode) for mode in configuration.STATISTICS},
            "distance_from_start": float(np.linalg.norm(flatten_weights(self._network) - self._initial)),
            "parameters": len(self._initial),
            "seconds": sum(row["seconds"] for row in history),
        })

    @property
    def _last_epoch(self):
        return self._run.max_epochs if self._run.epochs is None else self._run.epochs

    def _fit(self, history, stopping, *, verbose, tensorboard):
        run = self._run
        watch = _Watch(history)
        callbacks = [watch] + ([stopping] if run.epochs is None else [])
        callbacks.append(state.SaveState(self._record.state, history))
        if tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(log_dir=str(self._record.logs)))
        batches = training_batches(*self._train, batch_size=run.batch_size, seed=run.trial,
                                   first_epoch=len(history))
        self._model.fit(
            batches, steps_per_epoch=math.ceil(len(self._train[1]) / run.batch_size),
            initial_epoch=len(history), epochs=self._last_epoch, callbacks=callbacks, verbose=verbose, shuffle=False,
            validation_data=self._evaluation(self._test),
        )
        if watch.failure:
            self._record.fail(watch.failure)
            self._record.drop_backup()
            raise TrainingFailedError(f"{self._record.folder}: {watch.failure}; a smaller --learning_rate may help")

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
            network = build_network(dataclasses.replace(self._run, statistics=statistics))
            network.set_weights(self._network.get_weights())
            model = self._compiled(network)
        figures = {}
        for split, examples in (("train", self._train), ("test", self._test)):
            loss, accuracy = model.evaluate(self._evaluation(examples), verbose=0)
            figures |= {f"{split}_loss": loss, f"{split}_accuracy": accuracy}
        return figures

    def _evaluation(self, examples):
        size = len(examples[1])
        return evaluation_batches(*examples, *data.partition(size, self._run.evaluation_batch_size))

    def _compiled(self, network):
        # A second model of the same layers: a compiled one would save its optimizer with its weights.
        model = keras.Model(network.inputs, network.outputs)
        optimizer = _OPTIMIZERS[self._run.optimizer](learning_rate=self._run.learning_rate)
        model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"],
                      jit_compile=self._run.jit_compile)
        return model


class _Watch(keras.callbacks.TerminateOnNaN):
    """Keeps the history, and stops a run whose loss is no longer finite with the reason in `failure`."""

    def __init__(self, history):
        super().__init__()
        self._history = history
        self.failure = None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._began = time.perf_counter()

    def on_batch_end(self, batch, logs=None):
        super().on_batch_end(batch, logs)
        if self.model.stop_training and self.failure is None:
            self.failure = f"the training loss became {logs['loss']} in epoch {self._epoch + 1}, batch {batch + 1}"

    def on_epoch_end(self, epoch, logs=None):
        row = {name: float(logs[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        self._history.append({"epoch": epoch + 1, **row, "seconds": time.perf_counter() - self._began})


def save_weights(model, path):
    """Writes a model's weights in Keras's format, atomically."""
    with files.replacing(path) as temporary:
        model.save_weights(temporary)


def _threads():
    return {
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads(),
        "devices": [device.device_type for device in tf.config.list_physical_devices()],
    }
