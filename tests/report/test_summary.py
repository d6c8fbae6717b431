import numpy as np
import pytest
import scipy.stats

from replication.report.paper import Summary, summarize, welch


def test_deviation_is_that_of_a_sample():
    summary = summarize([1.0, 2.0, 4.0])
    assert summary == Summary(pytest.approx(7 / 3), pytest.approx(np.std([1, 2, 4], ddof=1)), 3)


def test_one_trial_has_no_deviation():
    assert summarize([3.0]) == Summary(3.0, None, 1)
    assert summarize([]) is None


def test_welch_agrees_with_scipy_on_the_samples():
    first, second = [1.0, 1.4, 1.9, 1.1], [2.0, 3.5, 2.2]
    expected = scipy.stats.ttest_ind(first, second, equal_var=False).pvalue
    assert welch(summarize(first), summarize(second)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("first", [Summary(1.0, None, 1), Summary(1.0, 0.0, 3)])
def test_welch_is_undefined_without_any_scatter(first):
    assert welch(first, Summary(2.0, 0.0, 5)) is None


def test_welch_needs_one_deviation_above_zero():
    assert welch(Summary(1.0, 0.0, 3), Summary(1.0, 0.1, 5)) == pytest.approx(1.0)
