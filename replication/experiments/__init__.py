"""The paper's tables and figures: what each needs on disk, and what it makes of it.

Each public module of this package is one experiment, found by its file name. It has

    TITLE            one line
    needs(setup)     the runs, measurements and paths it is made from, as a `Needs`

and, for a table,

    NUMBER, COLUMNS, CONTRASTS    its number in the paper, its `Column`s and its `Contrast`s
    rows(store)                   a list of `Row`, from the records of a `report.store.Store`

or, for a figure,

    CAPTION          what to look for, and what the paper saw
    axes(store)      a list of `Plot`, from the same records

Modules whose names begin with an underscore are shared by several experiments.
"""

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable

from replication import configuration
from replication.errors import UserError


@dataclasses.dataclass(frozen=True)
class Setup:
    """What is to be reproduced.

    Attributes:
        preset: A `configuration.Preset`.
        networks: Names of networks.
        trials: Trials of each network and regime.
        jit_compile: Function from a network's name to whether XLA compiles its training.
        architecture: As in `configuration.Run`.
        describe: Function from a data set's name to its `configuration.Dataset` with nothing left open.
    """

    preset: configuration.Preset
    networks: tuple
    trials: int
    jit_compile: Callable
    architecture: str | None = None
    describe: Callable = configuration.DATASETS.__getitem__

    def run(self, network, regime, trial):
        """The `configuration.Run` of one network, regime and trial."""
        return self.preset.run(network, regime, trial, jit_compile=self.jit_compile(network),
                               architecture=self.architecture, describe=self.describe)

    def runs(self):
        """All its runs, SB and LB of a trial one after the other."""
        return tuple(
            self.run(network, regime, trial)
            for network in self.networks for trial in range(self.trials) for regime in configuration.REGIMES
        )


@dataclasses.dataclass(frozen=True)
class Needs:
    """What an experiment needs on disk.

    Attributes:
        runs: `configuration.Run`s.
        measurements: Pairs of a `Run` and a `configuration.Sharpness`.
        paths: Triples of the SB `Run`, the LB `Run` and a `configuration.Path`.
    """

    runs: tuple
    measurements: tuple = ()
    paths: tuple = ()


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of values, one for each trial.

    Attributes:
        name: Its name in paper_values.json.
        quantity: What SB and LB are compared in; the two columns of a comparison share it.
        regime: "SB" or "LB".
        kind: "accuracy" (in percent) or "sharpness" (Metric 2.1).
    """

    name: str
    quantity: str
    regime: str
    kind: str

    @property
    def heading(self):
        """Its heading."""
        return f"{self.quantity}, {self.regime}"


@dataclasses.dataclass(frozen=True)
class Contrast:
    """The difference that a table is about, from the means of two columns.

    Attributes:
        name: Its name in files.
        quantity: That of the two columns.
        kind: "gap" for SB - LB, in points, or "ratio" for LB / SB.
    """

    name: str
    quantity: str
    kind: str

    @property
    def heading(self):
        """Its heading."""
        return f"{self.quantity}, " + ("SB − LB" if self.kind == "gap" else "LB / SB")


@dataclasses.dataclass(frozen=True)
class Row:
    """The values of one network under one configuration.

    Attributes:
        network, dataset: Their names.
        label: What tells this row from others of the same network and data set; "" if there is none.
        values: By the column's name, a float for each trial; a column without values may be absent.
    """

    network: str
    dataset: str
    label: str
    values: dict


@dataclasses.dataclass(frozen=True)
class Series:
    """A line of a plot.

    Attributes:
        label: Its entry in the legend.
        y: Floats, one for each x of the plot.
        side: The axis it is read on: "left" or "right".
        dashed: Whether it is dashed (test) or solid (training).
    """

    label: str
    y: tuple
    side: str
    dashed: bool


@dataclasses.dataclass(frozen=True)
class Plot:
    """One plot with a left and a right axis.

    Attributes:
        name: Stem of its files.
        title: One line above it.
        x: Floats.
        x_label, left_label, right_label: Labels of the axes, with units.
        series: `Series`.
        marks: Pairs of an x and the regime whose minimizer lies there.
    """

    name: str
    title: str
    x: tuple
    x_label: str
    left_label: str
    right_label: str
    series: tuple
    marks: tuple


def names():
    """The names of all experiments, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def get(name):
    """The module of an experiment.

    Raises:
        UserError: there is no such experiment; the message lists the known ones.
    """
    if name not in names():
        raise UserError(f"experiment={name!r}: expected one of {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")


def tables():
    """The modules of all tables, by the table's number."""
    modules = [get(name) for name in names()]
    return {module.NUMBER: module for module in modules if hasattr(module, "rows")}


def figures():
    """The modules of all figures, by the experiment's name."""
    return {name: get(name) for name in names() if hasattr(get(name), "axes")}


def merge(needs):
    """The union of several `Needs`, each thing once, in the order of its first mention."""
    needs = list(needs)
    return Needs(*(
        tuple(dict.fromkeys(thing for need in needs for thing in getattr(need, field.name)))
        for field in dataclasses.fields(Needs)
    ))
