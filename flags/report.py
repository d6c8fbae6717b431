"""Flags of the verdicts."""

from absl import flags

from replication import catalog, experiments
from replication.errors import UserError, require_name

_TABLES = flags.DEFINE_list(
    "tables", ["2", "3", "4", "6", "7"],
    "Numbers of the paper's tables to print, separated by commas. All are judged, whichever are printed.")
_NETWORKS = flags.DEFINE_list(
    "networks", [], "Networks to which the comparison is restricted, separated by commas; by default all.")


def tables():
    """Returns the numbers of the tables asked for, each once.

    Raises:
        UserError: there is none, or one is unknown.
    """
    known = {str(number): number for number in sorted(experiments.tables())}
    if unknown := [text for text in _TABLES.value or [""] if text.strip() not in known]:
        raise UserError(f"--tables={unknown[0]}: expected numbers among {', '.join(known)}, "
                        "separated by commas")
    return list(dict.fromkeys(known[text.strip()] for text in _TABLES.value))


def networks():
    """Returns the names of the networks asked for, each once; empty for all.

    Raises:
        UserError: one is unknown.
    """
    names = list(dict.fromkeys(name.strip() for name in _NETWORKS.value))
    for name in names:
        require_name("--networks", name, catalog.NETWORKS)
    return names
