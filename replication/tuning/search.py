"""One search from its choices to a record on disk, alone or with keras-tuner's chief and workers."""

import contextlib
import importlib.metadata
import os
import re

import keras_tuner

from replication import data, files, machine, records
from replication.errors import UserError, require
from replication.tuning.oracles import make_oracle
from replication.tuning.space import SearchSpace, figures
from replication.tuning.split import hold_out
from replication.tuning.tuner import Tuner

_DISTRIBUTION = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
_STATUS = {"COMPLETED": "finished", "FAILED": "failed"}


def tune(search, workdir, *, data_dir=None, space=SearchSpace, verbose=0):
    """Searches for hyperparameters and leaves a record; a search that was interrupted goes on.

    With keras-tuner's environment variables KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP and
    KERASTUNER_ORACLE_PORT this process is the chief of a distributed search (an ID with "chief" in it), which hands
    out the trials and writes search.json, or one of its workers, which share the chief's workdir.

    Args:
        search: A `configuration.Search`.
        workdir: A `records.Workdir`.
        data_dir: TFDS's folder; None for its default.
        space: `SearchSpace` or a subclass; its NAME is the search's `space`.
        verbose: keras-tuner's display: 0 none, 1 a table for each trial.

    Returns:
        The `records.SearchRecord`.

    Raises:
        MissingDataError: the data set is not prepared.
        BusyError: another process works on this search.
        UserError: the search was begun on other data, a file of it is damaged, or the environment of a distributed
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
        _Search(search, record, dataset, space).go_on(writes=role != "worker", verbose=verbose)
    return record


class _Search:
    """A search in progress.

    Args:
        search: A `configuration.Search`.
        record: Its `records.SearchRecord`.
        dataset: The `data.Data` of `hold_out`.
        space: As in `tune`.
    """

    def __init__(self, search, record, dataset, space):
        self._search = search
        self._record = record
        self._dataset = dataset
        self._space = space(search, len(dataset.train_labels))
        self._runs = records.Workdir(record.folder)
        self._oracle = make_oracle(search, self._write)

    def go_on(self, *, writes, verbose):
        tuner = Tuner(self._oracle, self._space, record=self._record, workdir=self._runs, dataset=self._dataset)
        if writes:
            # In the order of their names, of which keras-tuner takes the last first.
            for trial in sorted(self._oracle.ended(), key=lambda trial: int(trial.trial_id), reverse=True):
                if not self._is_recorded(trial):
                    self._oracle.repeat(trial.trial_id)
            self._write()
        self._oracle.verbose = verbose
        try:
            tuner.search()
        except keras_tuner.errors.FatalError as error:
            raise error.__cause__ or error from None

    def _is_recorded(self, trial):
        """Whether all that an ended trial has left is on disk.

        Raises:
            UserError: a file of its run is damaged.
        """
        if trial.status == "FAILED":
            return self._record.failure(trial.trial_id).exists()
        run = self._runs.run(self._space.trial_run(trial.hyperparameters))
        if not run.is_finished:
            return False
        run.check_configuration()
        run.check()
        return run.measurement(self._search.measurement).exists()

    def _write(self):
        """Replaces search.json by what the oracle and the runs on disk tell."""
        search = self._search
        trials = sorted(self._oracle.trials.values(), key=lambda trial: int(trial.trial_id))
        trials = [self._describe(trial) for trial in trials]
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
        }, best and self._space.trial_run(self._oracle.trials[best["trial"]].hyperparameters))

    def _describe(self, trial):
        hp = trial.hyperparameters
        described = {
            "trial": trial.trial_id,
            "status": _STATUS.get(trial.status, "running"),
            "hyperparameters": {name: value for name, value in hp.values.items() if not name.startswith("tuner/")},
        }
        if described["status"] == "finished":
            run = self._runs.run(self._space.trial_run(hp))
            described |= {"run": run.name, **figures(self._search, run)}
            described["admissible"] = self._search.is_admissible(described["sharpness"])
        elif described["status"] == "failed":
            described["reason"] = files.read_json(self._record.failure(trial.trial_id)).get("reason")
        return described


def _role():
    """This process' part in a search: "alone", "chief" or "worker".

    Raises:
        UserError: some of keras-tuner's environment variables are missing, or the ID is no name of a file.
    """
    given = [name for name in _DISTRIBUTION if name in os.environ]
    if "KERASTUNER_ORACLE_IP" not in given and "KERASTUNER_ORACLE_PORT" not in given:
        # keras-tuner names a file by the ID even then.
        os.environ.pop("KERASTUNER_TUNER_ID", None)
        return "alone"
    if missing := [name for name in _DISTRIBUTION if name not in given]:
        raise UserError(f"{missing[0]}: not set, and {given[0]} is; a distributed search needs "
                        f"{', '.join(_DISTRIBUTION)} in the environment of each process")
    name = os.environ["KERASTUNER_TUNER_ID"]
    require(re.fullmatch(r"[\w-]+", name), "KERASTUNER_TUNER_ID", name, "letters, digits, - and _")
    require(os.environ["KERASTUNER_ORACLE_PORT"].isdecimal(), "KERASTUNER_ORACLE_PORT",
            os.environ["KERASTUNER_ORACLE_PORT"], "the number of a port")
    return "chief" if "chief" in name else "worker"
