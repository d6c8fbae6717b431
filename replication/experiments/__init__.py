"""The paper's tables and figures: what each needs on disk, and what it makes of it.

Each public module of this package is one experiment, found by its file name. It has

    TITLE            one line
    CAPTION          what to look for, and what the paper saw
    needs(setup)     the runs, measurements and paths it is made from, as a `Needs`

and, for a table of the paper,

    NUMBER, COLUMNS, CONTRASTS    its number, its `Column`s and its `Contrast`s
    rows(store)                   a list of `Row`, from the records of a `report.store.Store`

or, for a figure,

    axes(store)      a list of `Plot`, from the same records

or, for a table of ours that has no counterpart in the paper,

    listing(store)   the headings, and a list of `ListingLine`

What is neither a table nor a figure of the paper tells the place in PLACE, what cannot be made of every network
in NETWORKS the names of those it can. What `reproduce` does not make tells in COMMAND what does, and needs
nothing. Modules whose names begin with an underscore
are shared by several experiments.
"""

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable

from replication import catalog
from replication.configuration import presets
from replication.errors import UserError
from replication.experiments._types import (
    EPSILON_LABELS,
    EPSILONS,
    MAIN,
    REGIMES,
    Column,
    Contrast,
    ListingLine,
    Needs,
    Panel,
    Plot,
    Row,
    Selection,
    Series,
)

__all__ = ["EPSILONS", "EPSILON_LABELS", "MAIN", "REGIMES", "Column", "Contrast", "ListingLine", "Needs", "Panel",
           "Plot", "Row", "Selection", "Series", "Setup", "figures", "get", "listings", "merge", "names", "tables"]


@dataclasses.dataclass(frozen=True)
class Setup:
    """What is to be reproduced.

    Attributes:
        preset: A `presets.Preset`.
        networks: Names of networks.
        trials: Trials of each network and regime.
        jit_compile: Function from a network's name to whether XLA compiles its training.
        architecture: As in `configuration.Run`.
        describe: Function from a data set's name to its `catalog.Dataset` with nothing left open.
        study_networks: Networks of the experiments that the paper makes with some only (figures 4, 5 and
            6 and what goes with them); None for those of `networks` that the preset names.
        batch_sizes: Figure 4's, as in `Preset.grid_batch_sizes`; None for the preset's.
        warm_start_every: As in `Preset`; None for the preset's.
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

    def __post_init__(self):
        if self.study_networks is None:
            chosen = tuple(name for name in self.networks if name in self.preset.study_networks)
            object.__setattr__(self, "study_networks", chosen)
        if self.warm_start_every is None:
            object.__setattr__(self, "warm_start_every", self.preset.warm_start_every)

    def run(self, network, regime, trial):
        """The `configuration.Run` of one network, regime and trial."""
        return self.preset.run(network, regime, trial, jit_compile=self.jit_compile(network),
                               architecture=self.architecture, describe=self.describe)

    def runs(self):
        """The runs of tables 2 to 4, SB and LB of a trial one after the other."""
        return tuple(self.run(network, regime, trial)
                     for network in self.networks for trial in range(self.trials) for regime in REGIMES)

    def description(self, network):
        """The `catalog.Dataset` of a network's data."""
        return self.describe(self.preset.dataset(network))


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


def listings():
    """The modules of all listings, by the experiment's name."""
    return {name: get(name) for name in names() if hasattr(get(name), "listing")}


def merge(needs):
    """The union of several `Needs`, each thing once, in the order of its first mention."""
    needs = list(needs)
    return Needs(*(
        tuple(dict.fromkeys(thing for need in needs for thing in getattr(need, field.name)))
        for field in dataclasses.fields(Needs)
    ))
