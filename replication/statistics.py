"""Means, intervals and tests behind the verdicts: of our value beside the paper's, and of SB beside LB by trial."""

import dataclasses
import functools
import itertools
import math
import statistics

import numpy as np
import scipy.special
import scipy.stats

# Of every interval. Its two ends are one-sided bounds at 5 %.
LEVEL = 0.9


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
    deviation = None
    if len(values) > 1:
        # Python's refuses what is not finite.
        deviation = statistics.stdev(values) if all(map(math.isfinite, values)) else math.nan
    return Summary(statistics.fmean(values), deviation, len(values))


def at_least(summary, resolution):
    """Returns a `Summary` whose deviation, if it has one, is not below a resolution."""
    if summary.deviation is None:
        return summary
    return dataclasses.replace(summary, deviation=max(summary.deviation, resolution))


def logarithm(summary):
    """Returns the `Summary` of the logarithms of log-normal values whose mean and deviation are those of a `Summary`.

    With mean m and deviation s, the logarithms have the variance ln(1 + s^2 / m^2) and the mean ln m less half of it.
    """
    variance = math.log1p((summary.deviation / summary.mean) ** 2)
    return Summary(math.log(summary.mean) - variance / 2, math.sqrt(variance), summary.trials)


def difference_interval(first, second):
    """Returns the ends of Welch's interval of the difference of two means, given as `Summary`s with deviations."""
    variances = [each.deviation ** 2 / each.trials for each in (first, second)]
    freedom = sum(variances) ** 2 / sum(
        variance ** 2 / (each.trials - 1) for variance, each in zip(variances, (first, second)))
    half = _quantile(freedom) * math.sqrt(sum(variances))
    return first.mean - second.mean - half, first.mean - second.mean + half


def prediction_interval(summary):
    """Returns the ends of the interval in which one further trial of a `Summary` is expected."""
    half = _quantile(summary.trials - 1) * summary.deviation * math.sqrt(1 + 1 / summary.trials)
    return summary.mean - half, summary.mean + half


def mean_interval(summary):
    """Returns the ends of Student's interval of the mean of a `Summary` with a deviation."""
    half = _quantile(summary.trials - 1) * summary.deviation / math.sqrt(summary.trials)
    return summary.mean - half, summary.mean + half


def one_sided_p(summary, sign):
    """Returns the p-value of Student's test of a mean of 0 against a mean whose sign is `sign`, 1 or -1."""
    t = sign * summary.mean / (summary.deviation / math.sqrt(summary.trials))
    return float(scipy.special.stdtr(summary.trials - 1, -t))


def sign_flip_p(values, sign):
    """Returns the p-value of the exact sign-flip test of symmetry about 0 against a mean whose sign is `sign`.

    It is the share of the 2^n ways to choose the signs of the n values whose mean is as far on that side; it cannot be
    less than 2^-n. Of more than 14 values, it is that of 16,384 random ways.
    """
    test = scipy.stats.permutation_test(
        (sign * np.asarray(values),), np.mean, permutation_type="samples", alternative="greater", n_resamples=2**14,
        rng=0)
    return float(test.pvalue)


def kendall(first, second):
    """Returns Kendall's tau of two sequences of numbers; None if one of them is constant."""
    value = float(scipy.stats.kendalltau(first, second).statistic)
    return None if math.isnan(value) else value


def kendall_along(settings, first, second, *, weights=None):
    """Returns Kendall's tau along each axis of a grid, the other axes the same (Jiang et al., 2020, section 3.2.1).

    The granulated coefficient is the mean over the axes of the mean over the lines. A pair of runs that are equal in
    one of the two counts as neither concordant nor discordant, as Jiang et al. count it.

    Args:
        settings: A tuple for each run, with its place on each axis.
        first, second: Sequences of numbers, one for each run.
        weights: How often each run counts, an array [runs]; None (default) for once.

    Returns:
        A dictionary from the index of each axis to the taus of its lines that have at least two runs, without axes that
        have no such line.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    weights = np.ones(len(settings)) if weights is None else weights
    result = {}
    for axis, (left, right, line) in enumerate(_pairs_along(tuple(settings))):
        together = weights[left] * weights[right]
        signs = np.sign(first[left] - first[right]) * np.sign(second[left] - second[right])
        total, concordant = np.bincount(line, together), np.bincount(line, together * signs)
        if np.any(total > 0):
            result[axis] = (concordant[total > 0] / total[total > 0]).tolist()
    return result


@functools.lru_cache(maxsize=8)
def _pairs_along(settings):
    """Returns for each axis the pairs of runs that differ on it alone: two arrays of runs, and one of their lines."""
    result = []
    for axis in range(len(settings[0])):
        lines = {}
        for number, setting in enumerate(settings):
            lines.setdefault(repr(setting[:axis] + setting[axis + 1:]), []).append(number)
        pairs = [(*pair, line) for line, members in enumerate(lines.values())
                 for pair in itertools.combinations(members, 2)]
        result.append(np.array(pairs, np.int64).reshape(-1, 3).T)
    return result


def bootstrap_interval(statistic, number, *, resamples=1000, seed=0):
    """Returns the ends of the percentile interval of a statistic of some runs, from resamples with replacement.

    Args:
        statistic: Function from the numbers of the runs of a resample, an array [number], to a value, or to None, which
            is left out.
        number: The number of runs.
        resamples: Number of resamples, default 1,000.
        seed: Seed of the resamples, default 0.
    """
    generator = np.random.default_rng(seed)
    found = [statistic(generator.integers(number, size=number)) for _ in range(resamples)]
    found = [value for value in found if value is not None]
    return tuple(float(end) for end in np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))


def _quantile(freedom):
    return float(scipy.special.stdtrit(freedom, (1 + LEVEL) / 2))
