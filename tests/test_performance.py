"""The performance model of appendix C."""

import pytest

from replication.errors import UserError
from replication.experiments import performance


def test_the_papers_example():
    """f_s(P) = 0.2 and B_s / B_l = 0.1: at most half as many iterations."""
    assert performance.largest_iteration_ratio(0.2, 512, 5120) == pytest.approx(0.5)


def test_is_the_comparison_of_times():
    """Times on P processors, up to a common factor: I_s B_s / (P f_s) and I_l B_l / P."""
    processors, efficiency, small_batch, large_batch, small_iterations = 64, 0.37, 256, 6000, 14_000
    ratio = performance.largest_iteration_ratio(efficiency, small_batch, large_batch)
    for share, large_wins in ((0.999, True), (1.001, False)):
        large_time = share * ratio * small_iterations * large_batch / processors
        assert (large_time < small_iterations * small_batch / (processors * efficiency)) is large_wins


def test_a_partial_batch_is_an_iteration():
    assert performance.iterations(3, 60_000, 256) == 3 * 235
    assert performance.iterations(3, 60_000, 6000) == 30
    assert performance.iterations(0, 10, 3) == 0


@pytest.mark.parametrize("function, arguments, message", [
    (performance.largest_iteration_ratio, (0.0, 1, 2), "efficiency=0.0"),
    (performance.largest_iteration_ratio, (1.1, 1, 2), "efficiency=1.1"),
    (performance.largest_iteration_ratio, (0.5, 0, 2), "small_batch=0"),
    (performance.largest_iteration_ratio, (0.5, 1, -2), "large_batch=-2"),
    (performance.largest_iteration_ratio, (float("nan"), 1, 2), "efficiency=nan"),
    (performance.iterations, (1, 10, 0), "batch_size=0"),
])
def test_bad_values_are_named(function, arguments, message):
    with pytest.raises(UserError, match=message):
        function(*arguments)
