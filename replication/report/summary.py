"""A mean over trials and what can be said of it."""

import dataclasses
import statistics

import scipy.stats


@dataclasses.dataclass(frozen=True)
class Summary:
    """The mean of some trials.

    Attributes:
        mean: Their mean.
        deviation: Their sample standard deviation (divisor n - 1), or None: one trial has none.
        trials: n, their number.
    """

    mean: float
    deviation: float | None
    trials: int


def summarize(values):
    """The `Summary` of a sequence of floats, or None if it is empty."""
    values = list(values)
    if not values:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Summary(statistics.fmean(values), deviation, len(values))


def welch(first, second):
    """The p-value of Welch's t-test of two `Summary`s, or None where it is not defined.

    It needs two trials on each side, and one deviation above 0.
    """
    if not first.deviation and not second.deviation or None in (first.deviation, second.deviation):
        return None
    return float(scipy.stats.ttest_ind_from_stats(
        first.mean, first.deviation, first.trials, second.mean, second.deviation, second.trials,
        equal_var=False).pvalue)
