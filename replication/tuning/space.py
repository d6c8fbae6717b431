"""The runs among which a search chooses, as a hypermodel of keras-tuner."""

import dataclasses

import keras_tuner

from replication import configuration, files
from replication.catalog import NETWORKS
from replication.errors import UserError
from replication.execution.measurement import measure_run
from replication.remedies import REMEDIES
from replication.training import train
from replication.weights import build_network


class SearchSpace(keras_tuner.HyperModel):
    """The standard search space: batch size, optimizer, learning rate, remedy with its options, and dropout.

    Another search space is a subclass with a NAME that overrides `run`. When it changes, it needs another NAME, so that
    its search begins again.

    Attributes:
        NAME: Part of the search's name.
        search: The `configuration.Search`.
        training_size: Number of examples that the trials are trained on.
    """

    NAME = "standard"

    def __init__(self, search, training_size):
        super().__init__()
        self.search = search
        self.training_size = training_size

    def run(self, hp):
        """The `configuration.Run` with the given `keras_tuner.HyperParameters`; its calls of `hp` define the space."""
        network = NETWORKS[self.search.network]
        choices = {
            "optimizer": hp.Choice("optimizer", list(configuration.OPTIMIZERS)),
            "learning_rate": hp.Float("learning_rate", 1e-4, 1e-1, sampling="log", default=1e-3),
            "batch_size": hp.Choice("batch_size", self.batch_sizes()),
        }
        if network.dropout:
            choices["dropout"] = hp.Float("dropout", 0.0, 0.7, step=0.1, default=0.5)
        return self.search.run(**choices, remedy=self.remedy(hp, choices["batch_size"]))

    def batch_sizes(self):
        """Powers of two from 16 up to a quarter of the training set."""
        largest = max(16, self.training_size // 4)
        return [min(2**power, self.training_size) for power in range(4, largest.bit_length())]

    def remedy(self, hp, batch_size):
        """None or a remedy for the network; the options of a remedy are hyperparameters if it is chosen."""
        network = NETWORKS[self.search.network]
        admitted = {name: kind for name, kind in REMEDIES.items() if kind.admits(network)}
        chosen = hp.Choice("remedy", ["none", *admitted])
        remedy = None
        for name, kind in admitted.items():
            with hp.conditional_scope("remedy", [name]):
                if chosen == name:
                    remedy = kind.sample(hp, batch_size)
        return remedy

    def build(self, hp):
        """The network of `run(hp)` at x_0."""
        return build_network(self.run(hp))

    def fit(self, hp, model, *, trials, dataset, callbacks=()):
        """Trains and measures `run(hp)`, unless the results are on disk already.

        Args:
            hp: `keras_tuner.HyperParameters`.
            model: The network, as `build` returns it.
            trials: The `records.Workdir` of the search's runs.
            dataset: The `data.Data` of `hold_out`.
            callbacks: Keras callbacks for the training, see `training.train`.

        Returns:
            The dictionary of `metrics`; the tuner optimizes "score".

        Raises:
            TrainingFailedError, MeasurementFailedError: the trial fails because of its hyperparameters.
            UserError: a file of the record is damaged.
        """
        record = train(self.trial_run(hp), trials, dataset=dataset, network=model, wait=True, verbose=0,
                       callbacks=callbacks)
        measure_run(record, [self.search.measurement], dataset, wait=True)
        return metrics(self.search, record)

    def trial_run(self, hp):
        """The same as `run(hp)`, with the number of epochs that hyperband, if it is the tuner, gives the trial."""
        run = self.run(hp)
        return dataclasses.replace(run, epochs=hp.values.get("tuner/epochs", run.epochs))


def metrics(search, record):
    """The score of a trial and the numbers that describe it, as a dictionary.

    Args:
        search: The `configuration.Search`.
        record: The `records.RunRecord` of a finished and measured run; its test set is the validation set.

    Raises:
        UserError: a file of the record is damaged, or the measurement belongs to other weights.
    """
    path = record.measurement(search.measurement)
    result, measured = record.result, files.read_json(path)
    if wrong := search.measurement.check(measured):
        raise UserError(f"{path}: {wrong!r} is missing or of the wrong kind; remove it to measure again")
    if measured.get("weights_checksum") != record.minimizer.checksum:
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
