"""Means, intervals and tests, beside SciPy's on the samples themselves and beside what they claim."""

import functools
import itertools
import math

import numpy as np
import pytest
import scipy.stats

from replication import statistics
from replication.statistics import Summary, summarize

FIRST, SECOND = [1.0, 1.4, 1.9, 1.1], [2.0, 3.5, 2.2]


def test_deviation_is_that_of_a_sample():
    summary = summarize([1.0, 2.0, 4.0])
    assert summary == Summary(pytest.approx(7 / 3), pytest.approx(np.std([1, 2, 4], ddof=1)), 3)


def test_one_trial_has_no_deviation():
    assert summarize([3.0]) == Summary(3.0, None, 1)
    assert summarize([]) is None


def test_a_deviation_is_not_below_a_resolution():
    assert statistics.at_least(Summary(3.0, 0.0, 2), 0.1) == Summary(3.0, 0.1, 2)
    assert statistics.at_least(Summary(3.0, 0.2, 2), 0.1) == Summary(3.0, 0.2, 2)
    assert statistics.at_least(Summary(3.0, None, 1), 0.1) == Summary(3.0, None, 1)


def test_the_interval_of_a_difference_is_welchs():
    expected = scipy.stats.ttest_ind(FIRST, SECOND, equal_var=False).confidence_interval(0.9)
    assert statistics.difference_interval(summarize(FIRST), summarize(SECOND)) == pytest.approx(tuple(expected))


def test_the_interval_and_the_test_of_a_mean_are_students():
    found = summarize(FIRST)
    assert statistics.mean_interval(found) == pytest.approx(
        tuple(scipy.stats.ttest_1samp(FIRST, 0).confidence_interval(0.9)))
    for sign, alternative in ((1, "greater"), (-1, "less")):
        expected = scipy.stats.ttest_1samp(FIRST, 0, alternative=alternative).pvalue
        assert statistics.one_sided_p(found, sign) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("values", [[0.3, 0.1, 0.5, 0.2, 0.4], [0.3, -0.1, 0.5, 0.0], [1.0, 1.0]])
def test_the_sign_flip_test_counts_all_signs(values):
    for sign in (1, -1):
        means = [np.dot(signs, values) for signs in itertools.product((1, -1), repeat=len(values))]
        expected = np.mean([sign * mean >= sign * sum(values) - 1e-12 for mean in means])
        assert statistics.sign_flip_p(values, sign) == pytest.approx(expected)


def test_logarithms_have_the_moments_that_give_the_mean_and_deviation():
    found = statistics.logarithm(Summary(1.23, 0.83, 5))
    exact = scipy.stats.lognorm(found.deviation, scale=math.exp(found.mean))
    assert (exact.mean(), exact.std(), found.trials) == pytest.approx((1.23, 0.83, 5))


def test_the_next_trial_lies_in_its_interval_nine_times_of_ten():
    generator = np.random.default_rng(0)
    inside = 0
    for *trials, following in generator.normal(size=(4000, 6)):
        low, high = statistics.prediction_interval(summarize(trials))
        inside += low <= following <= high
    assert abs(inside - 3600) < 4 * math.sqrt(4000 * 0.9 * 0.1)


def test_kendall_along_the_axes_of_a_grid():
    """Along the first axis the measure goes with the gap, along the second against it; overall neither shows."""
    settings = [(i, j) for i in range(3) for j in range(3)]
    measure = [10 * i + j for i, j in settings]
    gap = [i - 10 * j for i, j in settings]
    along = statistics.kendall_along(settings, measure, gap)
    assert along == {0: [1.0, 1.0, 1.0], 1: [-1.0, -1.0, -1.0]}
    assert abs(statistics.kendall(measure, gap)) < 0.5
    assert statistics.kendall([1, 1, 1], [1, 2, 3]) is None
    # A tie counts as neither, and two runs that differ on both axes are no line.
    assert statistics.kendall_along([(0, 0), (1, 0), (2, 0)], [1, 1, 2], [1, 2, 3]) == {0: [pytest.approx(2 / 3)]}
    assert statistics.kendall_along([(0, 0), (1, 1)], [1, 2], [1, 2]) == {}


def test_weights_count_runs_as_often_as_they_say():
    settings, measure, gap = [(0,), (1,), (2,)], [1.0, 3.0, 2.0], [1.0, 2.0, 3.0]
    # Of the pairs 01, 02 and 12, the first two are concordant.
    found = statistics.kendall_along(settings, measure, gap, weights=np.array([2, 1, 3]))
    assert found == {0: [pytest.approx((2 + 6 - 3) / (2 + 6 + 3))]}
    assert statistics.kendall_along(settings, measure, gap, weights=np.array([3, 0, 0])) == {}


def test_bootstrap_intervals_hold_the_granulated_coefficient_as_often_as_they_say():
    """A run lies on a line of each axis, so that lines are not independent: runs are resampled."""
    generator, settings = np.random.default_rng(0), list(itertools.product(range(3), range(2), range(3)))
    held = 0

    def granulated(rows, measure, gap):
        found = statistics.kendall_along(settings, measure, gap, weights=np.bincount(rows, minlength=len(settings)))
        return np.mean([np.mean(taus) for taus in found.values()])

    for _ in range(60):
        measure, gap = generator.normal(size=(2, len(settings)))
        low, high = statistics.bootstrap_interval(
            functools.partial(granulated, measure=measure, gap=gap), len(settings), resamples=200)
        held += low <= 0 <= high
    # A binomial number of 60 with 0.9 is at least 47 in 99.5 % of draws.
    assert held >= 47


def test_bootstrap_intervals_hold_the_mean_as_often_as_they_say():
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        sample = generator.normal(size=40)
        low, high = statistics.bootstrap_interval(lambda rows, sample=sample: sample[rows].mean(), 40, resamples=200)
        held += low <= 0 <= high
    # A binomial number of 60 with 0.9 is at least 47 in 99.5 % of draws; the bootstrap's is a little smaller.
    assert held >= 46
    values = np.array([1.0, 2.0, 4.0])
    first = statistics.bootstrap_interval(lambda rows: values[rows[0]], 3)
    assert first == statistics.bootstrap_interval(lambda rows: values[rows[0]], 3)
    assert 1 <= first[0] <= first[1] <= 4
