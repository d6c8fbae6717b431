"""One search from its choices to a record on disk, alone or as keras-tuner's chief or worker."""

import contextlib
import copy
import dataclasses
import gc
import importlib.metadata
import os
import re
import socket
import time

import keras
import keras_tuner
import numpy as np
from keras_tuner.engine.base_tuner import BaseTuner

from replication import data, files, machine, records
from replication.errors import DoesNotFitError, MeasurementFailedError, TrainingFailedError, UserError, require
from replication.tuning.oracles import make_oracle
from replication.tuning.space import SearchSpace, metrics

_DISTRIBUTION = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
# How long a worker waits until it sees what the chief has written.
_SECONDS_FOR_THE_CHIEF = 60
_STATUS = {"COMPLETED": "finished", "FAILED": "failed"}


def tune(search, workdir, *, data_dir=None, space=SearchSpace, verbose=0, callbacks=()):
    """Searches for hyperparameters and leaves a record; an interrupted search continues.

    With keras-tuner's environment variables KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT this
    process takes part in a distributed search. If the ID contains "chief", it hands out the trials and writes
    search.json; otherwise it is a worker. All workers share the chief's workdir.

    Args:
        search: A `configuration.Search`.
        workdir: A `records.Workdir`.
        data_dir: TFDS's folder; None for its default.
        space: `SearchSpace` or a subclass; its NAME is the search's `space`.
        verbose: keras-tuner's display: 0 for none, 1 for a table for each trial.
        callbacks: Keras callbacks, of which each trial gets a copy, as in `keras_tuner.Tuner.search`.

    Returns:
        The `records.SearchRecord`.

    Raises:
        MissingDataError: the data set is not prepared.
        BusyError: another process works on this search.
        UserError: the search was begun on other data, one of its files is damaged, or the environment of a distributed
            search is wrong.
    """
    require(search.space == space.NAME, "space", search.space, f"{space.NAME}, the NAME of {space.__name__}")
    role = _role()
    dataset = hold_out(data.load(search.dataset, data_dir), search.validation_share, seed=search.seed)
    record = workdir.search(search)
    with contextlib.nullcontext() if role == "worker" else record.lock():
        if record.was_begun:
            record.check_configuration()
            record.check_data(dataset.to_json())
        Tuner(search, record, dataset, space=space, callbacks=callbacks).run(role=role, verbose=verbose)
    return record


class Tuner(BaseTuner):
    """A tuner of keras-tuner that trains, measures and records by the means of this package; its state is the oracle's.

    A trial fails if its training or its measurement fails, for instance because the loss becomes NaN, or if its batches
    do not fit into memory, in which case it is tried again when the search is resumed. The search continues. Any other
    error, such as a damaged file or a bug, ends the search as the cause of a FatalError. Its trial has not ended, and
    is the first one when the search continues.

    Args:
        search: A `configuration.Search`.
        record: Its `records.SearchRecord`, whose folder takes keras-tuner's files and the trials' runs.
        dataset: The `data.Data` of `hold_out`.
        space, callbacks: The same as for `tune`.
    """

    def __init__(self, search, record, dataset, *, space, callbacks=()):
        self._search = search
        self._record = record
        self._dataset = dataset
        self._callbacks = tuple(callbacks)
        self._trials = records.Workdir(record.folder)
        self._oracle = make_oracle(search, self._write)
        super().__init__(oracle=self._oracle, hypermodel=space(search, len(dataset.train_labels)),
                         directory=str(record.folder.parent), project_name=record.name)

    def run(self, *, role, verbose):
        """Runs the trials whose results are not on disk.

        Args:
            role: "alone", "chief" or "worker"; a worker does not write search.json.
            verbose: The same as for `tune`.
        """
        self._role, self._oracle.is_chief = role, role == "chief"
        if role != "worker":
            # keras-tuner takes the last trial of the queue first: in reverse, they run in the order of their names.
            for name in sorted(self._oracle.end_order, key=int, reverse=True):
                if not self._is_recorded(self._oracle.trials[name]):
                    self._oracle.repeat(name)
            self._write()
        self._oracle.verbose = verbose
        try:
            self.search()
        except keras_tuner.errors.FatalError as error:
            raise error.__cause__ or error from None
        if self._oracle.failure is not None:
            raise self._oracle.failure

    def _populate_initial_space(self):
        super()._populate_initial_space()
        # keras-tuner finds the conditional ones in an order that depends on chance.
        found = sorted(self.oracle.get_space().space, key=lambda hp: (
            len(hp.conditions), hp.name if hp.conditions else ""))
        self.oracle.hyperparameters = keras_tuner.HyperParameters()
        for hp in found:
            self.oracle.hyperparameters.merge([hp])

    def run_trial(self, trial):
        # Keras and TensorFlow still hold the networks of the trials before.
        keras.utils.clear_session()
        gc.collect()
        hp = trial.hyperparameters
        try:
            self._require_chief()
            # A space of the user's own may have a `fit` that knows no callbacks.
            own = {"callbacks": copy.deepcopy(self._callbacks)} if self._callbacks else {}
            return self.hypermodel.fit(hp, self.hypermodel.build(hp), trials=self._trials, dataset=self._dataset, **own)
        except (TrainingFailedError, MeasurementFailedError, DoesNotFitError) as error:
            # Another time the memory may be free.
            again = {"again": True} if isinstance(error, DoesNotFitError) else {}
            files.write_json(self._record.failure(trial.trial_id), {"reason": str(error), **again})
            raise keras_tuner.errors.FailedTrialError(str(error)) from None
        except Exception as error:
            raise keras_tuner.errors.FatalError(str(error)) from error

    def _require_chief(self):
        """Raises a UserError in a worker whose search is not that of the chief, which has written its own."""
        if self._role == "worker":
            for _ in range(_SECONDS_FOR_THE_CHIEF):
                if self._record.was_begun:
                    return
                # A shared file system may be late.
                time.sleep(1)
            raise UserError(f"{self._record.folder}: not begun by the chief; start it and the workers with the same "
                            "flags and --workdir, and with --jit_compile=on or off if their processors differ")

    def save(self):
        if not self._is_worker():
            self.oracle.save()

    def reload(self):
        if not self._is_worker():
            self.oracle.reload()

    def _get_tuner_fname(self):
        return self.oracle._get_oracle_fname()

    def _is_recorded(self, trial):
        """Whether all results of an ended trial are on disk.

        Raises:
            UserError: a file of its run is damaged.
        """
        run = self._trials.run(self.hypermodel.trial_run(trial.hyperparameters))
        if trial.status == "FAILED":
            failure = self._record.failure(trial.trial_id)
            # That of a run whose training failed may have been removed, to try again.
            is_open = run.was_begun and not run.is_finished and not run.has_failed
            return failure.exists() and not is_open and not files.read_json(failure).get("again")
        if not run.is_finished:
            return False
        run.check_configuration()
        run.check()
        return run.measurement(self._search.measurement).exists()

    def _write(self):
        """Replaces search.json by the current state of the oracle and the runs on disk."""
        search, known = self._search, self._oracle.trials
        trials = [self._describe(known[name]) for name in sorted(known, key=int)]
        finished = [trial for trial in trials if trial["status"] == "finished"]
        extreme = max if search.direction == "max" else min
        best = extreme(finished, key=lambda trial: trial["score"]) if finished else None
        self._record.write({
            "configuration": search.to_json(),
            "measurement": search.measurement.to_json(),
            "data": self._dataset.to_json(),
            "versions": {**machine.versions(), "keras-tuner": importlib.metadata.version("keras-tuner")},
            "machine": machine.hardware(),
            "space": [{"kind": type(hp).__name__, **hp.get_config()} for hp in self._oracle.get_space().space],
            "trials": trials,
            "best": best and best["trial"],
        }, best and self.hypermodel.trial_run(known[best["trial"]].hyperparameters))

    def _describe(self, trial):
        hp = trial.hyperparameters
        described = {
            "trial": trial.trial_id,
            "status": _STATUS.get(trial.status, "running"),
            "hyperparameters": {name: value for name, value in hp.values.items() if not name.startswith("tuner/")},
        }
        if described["status"] == "finished":
            run = self._trials.run(self.hypermodel.trial_run(hp))
            described |= {"run": run.name, **metrics(self._search, run)}
            described["admissible"] = self._search.is_admissible(described["sharpness"])
        elif described["status"] == "failed":
            failure = self._record.failure(trial.trial_id)
            # A trial that keras-tuner itself gave up, for a score that is no number, has no such file.
            described["reason"] = files.read_json(failure).get("reason") if failure.exists() else str(
                trial.message or "keras-tuner gave it up").strip().splitlines()[-1]
        return described


def _role():
    """The part of this process in a search: "alone", "chief" or "worker".

    Raises:
        UserError: some of keras-tuner's environment variables are missing, or the ID is no file name.
    """
    given = [name for name in _DISTRIBUTION if name in os.environ]
    if "KERASTUNER_ORACLE_IP" not in given and "KERASTUNER_ORACLE_PORT" not in given:
        # keras-tuner would name a file by the ID even then.
        os.environ.pop("KERASTUNER_TUNER_ID", None)
        return "alone"
    if missing := [name for name in _DISTRIBUTION if name not in given]:
        raise UserError(f"{missing[0]}: not set, and {given[0]} is; a distributed search needs "
                        f"{', '.join(_DISTRIBUTION)} in the environment of each process")
    name = os.environ["KERASTUNER_TUNER_ID"]
    require(re.fullmatch(r"[\w-]+", name), "KERASTUNER_TUNER_ID", name, "letters, digits, - and _")
    port = os.environ["KERASTUNER_ORACLE_PORT"]
    require(port.isdecimal() and 1 <= int(port) < 2**16, "KERASTUNER_ORACLE_PORT", port, "the number of a port")
    if "chief" not in name:
        return "worker"
    address = os.environ["KERASTUNER_ORACLE_IP"]
    try:
        # gRPC would share a port with another chief.
        with socket.create_server((address, int(port))):
            return "chief"
    except OSError as error:
        raise UserError(f"KERASTUNER_ORACLE_IP={address!r}, KERASTUNER_ORACLE_PORT={port!r}: the chief cannot listen "
                        f"there: {error.strerror or error}") from None


def hold_out(dataset, share, *, seed=0):
    """Holds out a part of the training set for validation; the test set is left out altogether.

    Args:
        dataset: A `data.Data`. Its test arrays are not read.
        share: Share of the training set that is held out, in (0, 1); the number of examples is rounded.
        seed: Whole number that decides which examples are held out. Default: 0.

    Returns:
        A `data.Data` of the same name. Its training set is the remaining part of the training set in the same order,
        and its test set the held-out part. It has a fingerprint of its own, and `details` states where it comes from.

    Raises:
        UserError: one of the two parts is empty.
    """
    size = len(dataset.train_labels)
    held_out = round(share * size)
    if not 0 < held_out < size:
        raise UserError(f"validation_share={share}: of {size} examples that leaves {held_out} for validation and "
                        f"{size - held_out} for training; expected some of both")
    validation = data.choose(size, held_out, seed)
    training = np.delete(np.arange(size), validation)
    arrays = (dataset.train_inputs[training], dataset.train_labels[training],
              dataset.train_inputs[validation], dataset.train_labels[validation])
    return dataclasses.replace(
        dataset, train_inputs=arrays[0], train_labels=arrays[1], test_inputs=arrays[2], test_labels=arrays[3],
        fingerprint=files.array_checksum(*arrays),
        resolved=dataclasses.replace(dataset.resolved, training_size=len(training), test_size=held_out),
        details={**dataset.details, "validation_share": share, "validation_seed": seed, "part_of": dataset.fingerprint})
