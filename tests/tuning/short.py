"""A small search, for tests in this process and in others."""

from replication import configuration, records, tuning
from tests import networks


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
    """Searches in a folder with so many trials, and tells of each that this process carries out."""
    tuning.tune(search(max_trials=trials), records.Workdir.create(folder), space=_Telling)
