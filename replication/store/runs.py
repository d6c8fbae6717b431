"""Finished runs with their iterates and measurements, and searches, as a store holds them."""

import dataclasses
import math

from replication import catalog, configuration
from replication.errors import is_whole
from replication.store.grouping import EPSILONS


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A measurement: its choices, a `configuration.Measurement`, and the whole content of its file."""

    choices: configuration.Measurement
    content: dict

    @property
    def protocol(self):
        """The choices that must agree before values are averaged, all but epsilon and seed, as pairs."""
        return protocol_of(self.choices)


def protocol_of(choices):
    """Returns the choices of a measurement that must agree before values are averaged, see `Measurement.protocol`."""
    return tuple((name, value) for name, value in choices.to_json().items() if name not in ("epsilon", "seed"))


def in_order(protocols):
    """Returns protocols sorted by their values; a batch size is a number or a word, and words come last."""
    return sorted(protocols, key=lambda protocol: [(name, isinstance(value, str), value is not None, value)
                                                   for name, value in protocol])


class _Measured:
    """Weights that were measured; a subclass has `run` and `measurements`."""

    @property
    def tabulated(self):
        """The sharpness that enters tables and figures: over the whole training set, with the trial as the seed."""
        return [each for each in self.measurements["sharpness"]
                if each.choices.seed == self.run.trial and each.choices.examples is None]

    def protocols(self, subspace_dim):
        """The protocol of each tabulated sharpness in a space at an epsilon of the paper's tables, as a list."""
        return [each.protocol for each in self.tabulated
                if each.choices.subspace_dim == subspace_dim and each.choices.epsilon in EPSILONS.values()]

    def sharpness(self, choices):
        """The sharpness, in percent, as measured with exactly these `configuration.Sharpness`; None if it was not."""
        return next((each.content["sharpness"] for each in self.measurements["sharpness"] if each.choices == choices),
                    None)


@dataclasses.dataclass(frozen=True)
class Iterate(_Measured):
    """An iterate of a run that was measured: x_0, or a kept one.

    Attributes:
        epoch: The number of epochs after which it was reached; 0 for x_0.
        run: The `configuration.Run`.
        measurements: By kind, its `Measurement`s.
    """

    epoch: int
    run: configuration.Run
    measurements: dict


@dataclasses.dataclass(frozen=True)
class FinishedRun(_Measured):
    """A finished run, and its minimizer's measurements.

    Attributes:
        name, run: The name of its folder, and its `configuration.Run`.
        config, result: The contents of config.json and result.json.
        history: The rows of history.csv, empty if there is no such file.
        measurements: By kind, the `Measurement`s of its minimizer.
        iterates: Its measured `Iterate`s, by epoch.
    """

    name: str
    run: configuration.Run
    config: dict
    result: dict
    history: tuple
    measurements: dict
    iterates: tuple

    @property
    def points(self):
        """Pairs of an epoch and the measurements there by kind, of the minimizer and of its iterates.

        The last iterate is the minimizer, and has its measurements too; they are here once.
        """
        found = [(self.result["epochs"], self.measurements)]
        for iterate in self.iterates:
            known = self.measurements if iterate.epoch == self.result["epochs"] else {}
            found.append((iterate.epoch, {
                kind: tuple(each for each in measurements
                            if each.choices not in [other.choices for other in known.get(kind, ())])
                for kind, measurements in iterate.measurements.items()}))
        return found

    @property
    def training_size(self):
        """The number of training examples; 0 if the record does not tell it."""
        size = self.config["data"].get("training_size")
        return size if is_whole(size, 1) else 0

    @property
    def updates_per_epoch(self):
        """The number of updates of an epoch, all of whose batches have the run's batch size."""
        return math.ceil(self.training_size / self.run.batch_size)

    @property
    def resolved_dataset(self):
        """The `catalog.Dataset` of its data; the record tells what the catalog leaves open."""
        known = catalog.DATASETS[self.run.dataset]
        return dataclasses.replace(known, training_size=known.training_size or self.training_size,
                                   test_size=known.test_size or self.config["data"].get("test_size"),
                                   classes=known.classes or self.run.classes)

    @property
    def gradients(self):
        """The number of gradients of single examples that training took; None if the record does not tell it."""
        number = self.result.get("gradients")
        return number if is_whole(number, 1) else None

    @property
    def metrics(self):
        """Training and test loss and accuracy (a share), under the statistics of the configuration."""
        return self.result[self.run.statistics]


@dataclasses.dataclass(frozen=True)
class Joined:
    """A measurement that joins two minimizers, such as a path.

    Attributes:
        small, large: The `FinishedRun`s of SB and LB.
        choices: Its choices, such as a `configuration.Path`.
        content: The whole content of its file.
        label: Its differences from other paths of the network and data set, as text; "" if there is no other.
    """

    small: FinishedRun
    large: FinishedRun
    choices: configuration.Measurement
    content: dict
    label: str = ""


@dataclasses.dataclass(frozen=True)
class Search:
    """A search for hyperparameters.

    Attributes:
        choices: Its `configuration.Search`.
        content: The whole content of its file.
        label: Its title, and its differences from other searches of the same title.
    """

    choices: configuration.Search
    content: dict
    label: str = ""

    @property
    def title(self):
        """Its main choices, such as "F1 on digits, random, val_accuracy within a sharpness of 20 %, 20 epochs"."""
        choices = self.choices
        bound = "" if choices.max_sharpness is None else f" within a sharpness of {choices.max_sharpness:g} %"
        space = "" if choices.space == "standard" else f", space {choices.space}"
        return (f"{choices.network} on {catalog.dataset_label(choices.dataset)}, {choices.tuner}, "
                f"{choices.objective}{bound}, {choices.epochs} epochs{space}")

    @property
    def finished(self):
        """Its finished trials, the best first."""
        trials = [trial for trial in self.content["trials"] if trial["status"] == "finished"]
        return sorted(trials, key=lambda trial: trial["score"], reverse=self.choices.direction == "max")
