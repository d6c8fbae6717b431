"""The paper's tables and figures, and listings of ours.

An experiment is a `Table`, `Figure` or `Listing` that a module of this package holds: it says which runs and
measurements it needs, and makes rows, plots or lines from their records. A new module needs no entry here.
"""

import functools
import importlib
import pkgutil

from replication.errors import require_name
from replication.experiments.base import Experiment, Figure, Listing, Setup, Table

__all__ = ["HEADLINE", "Experiment", "Figure", "Listing", "Setup", "Table", "figures", "get", "listings", "names",
           "tables"]

# The experiments that `reproduce` makes first: the paper's question and its answer.
HEADLINE = ("table2", "table3", "figure3")


@functools.cache
def _found():
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    found = {each.name: each for module in modules for each in vars(module).values() if isinstance(each, Experiment)}
    return dict(sorted(found.items()))


def names():
    """Returns the names of all experiments, sorted."""
    return list(_found())


def get(name):
    """Returns the experiment of this name.

    Raises:
        UserError: there is none; the message lists the known ones.
    """
    require_name("experiment", name, names())
    return _found()[name]


def tables():
    """Returns all tables, by number."""
    return {each.number: each for each in _found().values() if isinstance(each, Table)}


def figures():
    """Returns all figures, by name."""
    return {name: each for name, each in _found().items() if isinstance(each, Figure)}


def listings():
    """Returns all listings, by name."""
    return {name: each for name, each in _found().items() if isinstance(each, Listing)}
