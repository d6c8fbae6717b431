"""A small search, for tests in this process and in others."""

import contextlib
import os
import shutil
import time
import types

from replication import configuration, records, tuning
from tests import forked, networks


class LearningRates(tuning.SearchSpace):
    """The learning rate of plain training with large batches."""

    NAME = "learning_rates"

    def run(self, hp):
        return self.search.run(batch_size=431, learning_rate=hp.Float("learning_rate", 1e-4, 1e-1, sampling="log"))


def search(**choices):
    """A `configuration.Search` of three short trials with some choices replaced."""
    return configuration.Search(**{"network": networks.ONE_LAYER, "dataset": "digits", "max_trials": 3, "epochs": 1,
                                   "space": "learning_rates", "sharpness_iterations": 1, **choices})


class _Telling(LearningRates):
    """The same, with a line on standard output for each trial that this process carries out."""

    def fit(self, *arguments, **options):
        metrics = super().fit(*arguments, **options)
        print("trained and measured", flush=True)
        return metrics


def tell(folder, trials):
    """Searches in a folder with so many trials, and tells of each that this process carries out.

    A chief ends a second after its last worker, for whom keras-tuner lets it wait for 20.
    """
    if "chief" in os.environ.get("KERASTUNER_TUNER_ID", ""):
        from keras_tuner.src.distribute import oracle_chief
        oracle_chief.time = types.SimpleNamespace(sleep=lambda seconds: time.sleep(min(seconds, 1)))
    tuning.tune(search(max_trials=trials), records.Workdir.create(folder), space=_Telling)


def tune(folder, chosen=None, space=LearningRates):
    """Carries a search out, `search()` by default, and returns its record."""
    return tuning.tune(chosen or search(), records.Workdir.create(folder), space=space)


def stamps(record):
    """When the results and measurements of a search's runs were written."""
    paths = [*record.folder.glob("runs/*/result.json"), *record.folder.glob("runs/*/sharpness/*.json")]
    return {path: path.stat().st_mtime_ns for path in paths}


def without_times(trials):
    """The trials of a search without their seconds, which differ between repetitions."""
    return [{name: value for name, value in trial.items() if name != "seconds"} for trial in trials]


def copy(record, folder):
    """A copy of a search in a workdir of its own, and the contents of search.json's trials."""
    copied = records.SearchRecord(folder / "tuning" / record.name)
    shutil.copytree(record.folder, copied.folder)
    return copied, copied.config["trials"]


@contextlib.contextmanager
def other_processes():
    """Gives a function that starts one, by the arguments of `tell` and environment; all end with the block."""
    processes = []

    def start(*arguments, **environment):
        processes.append(forked.Child(tell, *arguments, environment=environment))
        return processes[-1]

    try:
        yield start
    finally:
        for process in processes:
            process.kill()


def wait(process, condition):
    """Waits until a condition holds, while a process lives."""
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
