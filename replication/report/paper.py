"""The paper's numbers, of which this is the only reader, and means over trials."""

import dataclasses
import functools
import pathlib
import statistics

import scipy.stats

from replication import files

TRIALS = 5
URL = "https://arxiv.org/abs/1609.04836"
_FILE = pathlib.Path(__file__).parents[1] / "paper_values.json"


@dataclasses.dataclass(frozen=True)
class Summary:
    """The mean of some trials.

    Attributes:
        mean: Their mean.
        deviation: Their sample standard deviation (divisor n - 1); None for a single trial.
        trials: n, their number.
    """

    mean: float
    deviation: float | None
    trials: int


def summarize(values):
    """Returns the `Summary` of a sequence of floats; None if it is empty."""
    values = list(values)
    if not values:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Summary(statistics.fmean(values), deviation, len(values))


def welch(first, second):
    """Returns the p-value of Welch's t-test of two `Summary`s.

    It is None unless there are two trials on each side and one deviation is above 0.
    """
    if not first.deviation and not second.deviation or None in (first.deviation, second.deviation):
        return None
    return float(scipy.stats.ttest_ind_from_stats(
        first.mean, first.deviation, first.trials, second.mean, second.deviation, second.trials,
        equal_var=False).pvalue)


def source():
    """Returns the reference of the paper."""
    return _content()["source"]


def table(number):
    """Returns the paper's values of a table.

    Args:
        number: The table's number.

    Returns:
        {network: {column: `Summary` over the paper's five trials}}, in the paper's order.
    """
    content = _content()[f"table{number}"]
    return {
        network: {column: Summary(mean, deviation, TRIALS)
                  for column, (mean, deviation) in zip(content["columns"], entries)}
        for network, entries in content.items() if network != "columns"
    }


@functools.cache
def _content():
    return files.read_json(_FILE)
