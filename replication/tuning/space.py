"""The runs among which a search looks, as a hypermodel of keras-tuner."""

import dataclasses

import keras_tuner

from replication import configuration, files, remedies
from replication.catalog import NETWORKS
from replication.errors import UserError
from replication.sharpness.runs import measure_run
from replication.training import train
from replication.weights import build_network

_SMALLEST_BATCH = 16
_LARGEST_BATCH_SHARE = 0.25


class SearchSpace(keras_tuner.HyperModel):
    """The standard search space: batch size, optimizer, learning rate, remedy with its options, and dropout.

    A search space of your own is a subclass with a NAME that overrides `run`. One that changes gets another
    NAME, so that its search begins afresh.

    Attributes:
        NAME: Becomes part of the search's name.
        search: The `configuration.Search`.
        training_size: Examples of the part of the training set that is trained on.
    """

    NAME = "standard"

    def __init__(self, search, training_size):
        super().__init__()
        self.search = search
        self.training_size = training_size

    def run(self, hp):
        """The `configuration.Run` of some hyperparameters.

        Args:
            hp: `keras_tuner.HyperParameters`; what is asked of them makes up the search space.
        """
        choices = {
            "optimizer": hp.Choice("optimizer", list(configuration.OPTIMIZERS)),
            "learning_rate": hp.Float("learning_rate", 1e-4, 1e-1, sampling="log", default=1e-3),
            "batch_size": hp.Choice("batch_size", self.batch_sizes()),
        }
        network = NETWORKS[self.search.network]
        if network.dropout:
            choices["dropout"] = hp.Float("dropout", 0.0, 0.7, step=0.1, default=0.5)
        return self.search.run(**choices, remedy=self.remedy(hp, choices["batch_size"]))

    def batch_sizes(self):
        """Powers of two from 16 up to a quarter of the training set."""
        sizes = [_SMALLEST_BATCH]
        while 2 * sizes[-1] <= _LARGEST_BATCH_SHARE * self.training_size:
            sizes.append(2 * sizes[-1])
        return [min(size, self.training_size) for size in sizes]

    def remedy(self, hp, batch_size):
        """None, or a remedy that the network admits; its options are hyperparameters where it is chosen."""
        images = len(NETWORKS[self.search.network].input_shape) == 3
        admitted = [name for name, kind in remedies.REMEDIES.items() if images or not kind.NEEDS_IMAGES]
        chosen = hp.Choice("remedy", ["none", *admitted])
        remedy = None
        for name in admitted:
            with hp.conditional_scope("remedy", [name]):
                if chosen == name:
                    options = _OPTIONS.get(name, lambda hp, batch_size: {})
                    remedy = remedies.REMEDIES[name](**options(hp, batch_size))
        return remedy

    def build(self, hp):
        """The network of `run(hp)` at x_0."""
        return build_network(self.run(hp))

    def fit(self, hp, model, *, workdir, dataset):
        """Trains and measures `run(hp)`; what is on disk already is not repeated.

        Args:
            hp: `keras_tuner.HyperParameters`.
            model: As `build` makes it.
            workdir: The `records.Workdir` of the search's runs.
            dataset: The `data.Data` of `hold_out`.

        Returns:
            A dictionary with "score", which the tuner optimizes, and what it comes from.

        Raises:
            TrainingFailedError, MeasurementFailedError: the trial fails, by its hyperparameters.
            UserError: a file of the record is damaged.
        """
        record = train(self.trial_run(hp), workdir, dataset=dataset, network=model, wait=True, verbose=0)
        measure_run(record, [self.search.measurement], dataset, wait=True)
        return figures(self.search, record)

    def trial_run(self, hp):
        """`run(hp)` with as many epochs as hyperband, where it is the tuner, gives the trial."""
        run = self.run(hp)
        return dataclasses.replace(run, epochs=hp.values.get("tuner/epochs", run.epochs))


def figures(search, record):
    """What is known of a finished and measured run of a search, numbers throughout.

    Args:
        search: The `configuration.Search`.
        record: The `records.RunRecord`; its test set is the validation set.

    Raises:
        UserError: a file of the record is damaged, or the measurement is of other weights.
    """
    path = record.measurement(search.measurement)
    result, measured = record.result, files.read_json(path)
    if measured["weights_checksum"] != record.minimizer.checksum:
        raise UserError(f"{path}: was measured on other weights than the run's; remove it to measure again")
    ends = result[search.statistics]
    return {
        "score": search.score(ends["test_accuracy"], measured["sharpness"]),
        "val_accuracy": ends["test_accuracy"],
        "val_loss": ends["test_loss"],
        "train_accuracy": ends["train_accuracy"],
        "train_loss": ends["train_loss"],
        "sharpness": measured["sharpness"],
        "epochs": result["epochs"],
        "gradients": result["gradients"],
        "seconds": result["seconds"] + measured["seconds"]["measurement"],
    }


def _augmentation(hp, batch_size):
    return {"rotation": hp.Float("augmentation_rotation", 0.0, 30.0, default=10.0),
            "translation": hp.Float("augmentation_translation", 0.0, 0.3, default=0.2),
            "flip": hp.Boolean("augmentation_flip")}


def _conservative(hp, batch_size):
    return {"iterations": hp.Int("conservative_iterations", 2, 5, default=3),
            "penalty": hp.Float("conservative_penalty", 1e-4, 1e-1, sampling="log", default=1e-3)}


def _adversarial(hp, batch_size):
    return {"epsilon": hp.Float("adversarial_epsilon", 1e-2, 0.3, sampling="log", default=0.1),
            "clean_share": hp.Float("adversarial_clean_share", 0.1, 0.9, default=0.5)}


def _stability(hp, batch_size):
    return {"deviation": hp.Float("stability_deviation", 1e-2, 0.2, sampling="log", default=0.04),
            "weight": hp.Float("stability_weight", 1e-3, 1.0, sampling="log", default=0.01)}


def _dynamic_sampling(hp, batch_size):
    # Of the batch size, which it must not exceed.
    share = hp.Choice("dynamic_sampling_first_share", [0.0625, 0.125, 0.25, 0.5])
    options = {"test": hp.Choice("dynamic_sampling_test", ["schedule", "variance"]),
               "first_batch_size": max(1, int(share * batch_size))}
    with hp.conditional_scope("dynamic_sampling_test", ["schedule"]):
        if options["test"] == "schedule":
            options["growth"] = hp.Float("dynamic_sampling_growth", 1.1, 3.0, sampling="log", default=1.5)
    with hp.conditional_scope("dynamic_sampling_test", ["variance"]):
        if options["test"] == "variance":
            options["theta"] = hp.Float("dynamic_sampling_theta", 0.1, 1.0, sampling="log", default=0.5)
    return options


def _sam(hp, batch_size):
    adaptive = hp.Boolean("sam_adaptive")
    name, scale = ("sam_adaptive_rho", 10) if adaptive else ("sam_rho", 1)
    with hp.conditional_scope("sam_adaptive", [adaptive]):
        rho = hp.Float(name, 0.01 * scale, 0.2 * scale, sampling="log", default=0.05 * scale)
    return {"adaptive": adaptive, "rho": rho}


# By the remedy's name, from the hyperparameters and the batch size its options.
_OPTIONS = {"augmentation": _augmentation, "conservative": _conservative, "adversarial": _adversarial,
            "stability": _stability, "dynamic_sampling": _dynamic_sampling, "sam": _sam}
