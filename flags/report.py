"""Flags of the verdicts."""

from absl import flags

from replication import experiments
from replication.errors import UserError

_TABLES = flags.DEFINE_list(
    "tables", ["2", "3", "4", "6", "7"], "Numbers of the paper's tables to compare with, separated by commas.")


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
