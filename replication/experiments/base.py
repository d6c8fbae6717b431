"""Experiments, the set-up that they are made for, and the rows and lines that they hand to the report."""

import dataclasses
import itertools
from collections.abc import Callable

from replication import catalog
from replication.configuration import presets
from replication.store.grouping import REGIMES, comparisons

# Places of experiments that the paper lacks; the page names those without records in one line.
BEYOND_THE_PAPER = ("Why", "The spectrum", "Robust optimization", "Limits")
# By the names of `grouping.EPSILONS`.
EPSILON_LABELS = {"eps1e-3": "ε = 1e-3", "eps5e-4": "ε = 5e-4"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """A table, figure or listing: what it needs on disk, and what it makes of the records.

    Attributes:
        name: Its name in --experiments.
        title: One line.
        caption: The points to look for, and the finding of the paper.
        needs: Function from a `Setup` to a list of `configuration.Train` and `configuration.Measure`.
        place: The section or appendix of the paper that it belongs to; None if the paper numbers it.
        command: The command that makes its records; None if `reproduce` does.
        networks: Names of the networks that it can be made of; by default all.
        answer: Function from a `store.Store` to a sentence that answers the question of the experiment from the
            records, "" without any; None for no such sentence.
    """

    name: str
    title: str
    caption: str
    needs: Callable
    place: str | None = None
    command: str | None = None
    networks: tuple = tuple(catalog.NETWORKS)
    answer: Callable | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table(Experiment):
    """A table of the paper, with its `Column`s and `Contrast`s; `rows` makes a list of `Row` of a `store.Store`."""

    number: int
    columns: tuple
    contrasts: tuple
    rows: Callable


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure(Experiment):
    """A figure; `axes` makes a list of `drawing.Plot` of a `store.Store`."""

    axes: Callable


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing(Experiment):
    """A table that the paper lacks; `listing` makes the headings and a list of `ListingLine` of a `store.Store`."""

    listing: Callable


@dataclasses.dataclass(frozen=True)
class Setup:
    """The part of the replication that is to be made.

    Attributes:
        preset: A `presets.Preset`.
        networks: Names of networks.
        trials: Number of trials of each network and regime.
        jit_compile: Function from a network's name to whether XLA compiles its training.
        architecture: Form of C1 to C4, see `configuration.Run`; None for the default.
        recompute: Whether convolutional networks with large batches recompute activations, see `configuration.Run`.
        describe: Function from a data set's name to its resolved `catalog.Dataset`.
        study_networks: Networks of the studies; None for those of `networks` that the preset has for them.
        batch_sizes: Figure 4's batch sizes, numbers or fractions of the training set; None for the preset's.
        warm_start_every: Figure 5: LB starts after every so many epochs of SB; None for the preset's.
    """

    preset: presets.Preset
    networks: tuple
    trials: int
    jit_compile: Callable
    architecture: str | None = None
    describe: Callable = catalog.DATASETS.__getitem__
    study_networks: tuple | None = None
    batch_sizes: tuple | None = None
    warm_start_every: int | None = None
    recompute: bool = False

    def __post_init__(self):
        if self.study_networks is None:
            chosen = tuple(name for name in self.networks if name in self.preset.study_networks)
            object.__setattr__(self, "study_networks", chosen)
        if self.warm_start_every is None:
            object.__setattr__(self, "warm_start_every", self.preset.warm_start_every)

    def run(self, network, regime, trial):
        """Returns the `configuration.Run` of one network, regime and trial."""
        # Small batches fit without, and SB runs that are finished stay as they are.
        recompute = self.recompute and regime != "SB" and catalog.NETWORKS[network].is_convolutional
        return self.preset.run(network, regime, trial, jit_compile=self.jit_compile(network),
                               architecture=self.architecture, describe=self.describe, recompute=recompute)

    def recomputes(self, network, batch_size):
        """Returns whether a run of a network with a batch size recomputes its activations: not SB, nor smaller ones."""
        return (self.run(network, "LB", 0).recompute
                and batch_size > self.run(network, "SB", 0).batch_size)

    def pairs(self, networks=None, *, trials=None):
        """Returns the SB and the LB run of each trial, as pairs.

        Args:
            networks: Names of networks; by default those of the set-up.
            trials: Number of trials; by default that of the set-up.
        """
        return [tuple(self.run(network, regime, trial) for regime in REGIMES)
                for network in (self.networks if networks is None else networks)
                for trial in range(self.trials if trials is None else trials)]

    def runs(self, networks=None, *, trials=None):
        """Returns the same runs as `pairs`, one after the other."""
        return list(itertools.chain.from_iterable(self.pairs(networks, trials=trials)))

    @property
    def remedy_trials(self):
        """Number of trials of remedies and other optimizers: the preset's, at most that of the set-up."""
        return min(self.trials, self.preset.remedy_trials)

    def resolved_dataset(self, network):
        """Returns the resolved `catalog.Dataset` of a network's data."""
        return self.describe(self.preset.dataset(network))


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of values, one for each trial.

    Attributes:
        name: Its name in paper_values.json.
        quantity: The quantity in which SB and LB are compared; the two columns of a comparison share it.
        regime: "SB" or "LB".
        kind: "accuracy" (in percent) or "sharpness" (Metric 2.1).
        training: One word for how its runs were trained; "" if plainly.
    """

    name: str
    quantity: str
    regime: str
    kind: str
    training: str = ""

    @property
    def heading(self):
        """Its heading, such as "test accuracy, augmented SB"."""
        return f"{self.quantity}, {' '.join(filter(None, (self.training, self.regime)))}"


@dataclasses.dataclass(frozen=True)
class Contrast:
    """The difference that a table is about, from two columns, paired by trial.

    Attributes:
        name: Its name in files.
        quantity: The quantity of the two columns.
        kind: "gap" for SB - LB, in points, or "ratio" for LB / SB.
    """

    name: str
    quantity: str
    kind: str

    @property
    def heading(self):
        """Its heading, such as "ε = 1e-3, LB / SB"."""
        return f"{self.quantity}, " + ("SB − LB" if self.kind == "gap" else "LB / SB")


@dataclasses.dataclass(frozen=True)
class Row:
    """The values of one network under one configuration.

    Attributes:
        network, dataset: Their names.
        label: Its differences from other rows of the network and data set, as text; "" if there is no other.
        values: By the column's name, a float by trial; a column without values may be absent.
        runs: By regime and trial, the names of the runs behind the values.
        plain: Whether the values were measured as the presets do, so that they may decide.
        choices: Those of its runs apart from XLA and recomputation, as text; rows that share them repeat each other.
    """

    network: str
    dataset: str
    label: str
    values: dict
    runs: dict = dataclasses.field(default_factory=dict)
    plain: bool = True
    choices: str = ""


@dataclasses.dataclass(frozen=True)
class ListingLine:
    """A line of a listing: a text, a float or None for each heading, and the names of the runs behind it."""

    cells: tuple
    runs: tuple


def lowest_trials(store, has):
    """Returns each comparison of plain SB and LB with the runs of its lowest trial by regime.

    Args:
        store: A `store.Store`.
        has: Function from a `store.FinishedRun` to whether it has the records that are drawn; others are left out.
    """
    found = [(comparison, comparison.lowest_trial(has)) for comparison in comparisons(store.runs)]
    return [(comparison, sides) for comparison, sides in found if sides]


def measured_alike(points, kind, *, admits=lambda choices: True):
    """Returns the measurements of a kind, by the same choices, of as many of several runs as have one.

    Args:
        points: The `store.FinishedRun`s or `store.Iterate`s, a dictionary.
        kind: A key of `configuration.KINDS`.
        admits: Function from its choices to whether they may be taken; by default all.

    Returns:
        The `store.Measurement`s by the keys of `points`; empty without any.
    """
    by_choices = {}
    for name, each in points.items():
        for item in filter(lambda item: admits(item.choices), each.measurements[kind]):
            by_choices.setdefault(item.choices.digest(), {})[name] = item
    return max((found for _, found in sorted(by_choices.items())), key=len, default={})


def place(run):
    """Returns the network and the data of a `configuration.Run` in words, such as "C1 on cifar10"."""
    where = f"{run.network} on {catalog.dataset_label(run.dataset)}"
    return f"{where} (architecture {run.architecture})" if run.architecture == "text" else where


def test_accuracy(finished_run):
    """Returns the test accuracy of a `store.FinishedRun` in percent."""
    return 100 * finished_run.metrics["test_accuracy"]
