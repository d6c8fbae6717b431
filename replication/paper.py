"""The paper's numbers, which only this module reads, and the entries that cannot be correct as printed."""

import dataclasses
import functools
import math
import pathlib

from replication import files
from replication.statistics import Summary

TRIALS = 5
URL = "https://arxiv.org/abs/1609.04836"
_FILE = pathlib.Path(__file__).parent / "paper_values.json"
# Half of the last printed digit.
ROUNDING = 0.005
# Columns of two tables that show the same runs.
_SAME_RUNS = {(2, "test_SB"): (7, "test_baseline_SB"), (7, "test_baseline_SB"): (2, "test_SB")}
_BOXES = ("eps1e-3", "eps5e-4")


@dataclasses.dataclass(frozen=True)
class Printed(Summary):
    """An entry of the paper, the mean and the deviation of its five trials.

    Attributes:
        doubt: Why it cannot be as printed, with the assumption; "" if nothing contradicts it.
        spread_only: Whether the doubt concerns the deviation alone.
        reading: A `statistics.Summary` in its place that nothing contradicts, which is ours and not the paper's; None
            if there is none.
    """

    doubt: str = ""
    spread_only: bool = False
    reading: Summary | None = None


def source():
    """Returns the reference of the paper."""
    return _content()["source"]


@functools.cache
def table(number):
    """Returns the paper's values of a table, as {network: {column: `Printed`}} in the paper's order."""
    return {network: {column: Printed(each.mean, each.deviation, each.trials, *_doubt(number, network, column),
                                      _reading(number, network, column))
                      for column, each in columns.items()}
            for network, columns in _printed(number).items()}


def doubts():
    """Returns the entries that cannot be as printed, as (table, network, column, `Printed`)."""
    return [(number, network, column, printed) for number in (2, 3, 4, 6, 7)
            for network, columns in table(number).items() for column, printed in columns.items() if printed.doubt]


def cannot_be_nested(larger, smaller):
    """Whether no trials give both the sharpness in a box and that in a smaller box, two `Summary`s as printed.

    The differences of the trials are not negative. With the mean d, n of them have a sample deviation of at most
    sqrt(n) d, by which the two deviations may differ.
    """
    difference = larger.mean - smaller.mean + 2 * ROUNDING
    apart = abs(larger.deviation - smaller.deviation) - 2 * ROUNDING
    return difference < 0 or apart > math.sqrt(larger.trials) * difference


def cannot_be_bounded(printed):
    """Whether no shares of at most 100 % have the mean and the sample deviation of a `Summary` as printed.

    Their distances from 100 % are not negative, so that the argument of `cannot_be_nested` holds.
    """
    return printed.deviation - ROUNDING > math.sqrt(printed.trials) * (100 - printed.mean + ROUNDING)


def _doubt(number, network, column):
    """Returns the `doubt` of an entry, and whether it concerns the deviation alone."""
    printed = _printed(number)[network][column]
    if column.startswith(("train", "test")) and cannot_be_bounded(printed):
        most = math.sqrt(TRIALS) * (100 - printed.mean + ROUNDING)
        return (f"inconsistent as printed: {TRIALS} accuracies of at most 100 % with this mean have a sample "
                f"deviation of at most {most:.2f}"), False
    if (number, column) in _SAME_RUNS:
        other, name = _SAME_RUNS[number, column]
        same = _printed(other)[network][name] if network in _printed(other) else printed
        for quantity in ("mean", "deviation"):
            if abs(getattr(same, quantity) - getattr(printed, quantity)) > 2 * ROUNDING:
                return (f"inconsistent as printed: table {other} gives the same runs the {quantity} "
                        f"{getattr(same, quantity):.2f}"), quantity == "deviation"
    if _BOXES[1] in column:
        larger = _printed(number)[network][column.replace(_BOXES[1], _BOXES[0])]
        if cannot_be_nested(larger, printed):
            return (f"inconsistent as printed: no {TRIALS} trials give this and {larger.mean:.2f} ± "
                    f"{larger.deviation:.2f} in the larger box, if the solver finds there at least what it finds here "
                    "in the same subspace"), False
    return "", False


def _reading(number, network, column):
    for each in _content()["readings"]:
        if (each["table"], each["network"], each["column"]) == (number, network, column):
            return Summary(each["mean"], each["deviation"], TRIALS)
    return None


@functools.cache
def _printed(number):
    """Returns the entries of a table as `Summary`s, as {network: {column: Summary}}."""
    content = _content()[f"table{number}"]
    return {network: {column: Summary(mean, deviation, TRIALS)
                      for column, (mean, deviation) in zip(content["columns"], entries)}
            for network, entries in content.items() if network != "columns"}


@functools.cache
def _content():
    return files.read_json(_FILE)
