"""The stopping rule."""

import pytest

from replication.training.callbacks import ceased_to_improve


@pytest.mark.parametrize("losses, ceased", [
    ([], False),
    ([1.0, 0.8, 0.6], False),
    ([1.0, 0.95, 0.92, 0.91], True),
    ([1.0, 0.95, 0.90, 0.91], False),
    ([1.0, 0.5, 0.6, 0.7, 0.44], False),
    ([1.0, 0.5, 0.6, 0.7, 0.46], True),
    ([1.0, float("nan"), float("nan"), float("nan")], True),
    ([1.0, 0.0, 0.0, 0.0, 0.0], True),
])
def test_needs_a_relative_improvement_of_the_best_within_patience(losses, ceased):
    assert ceased_to_improve(losses, patience=3, min_improvement=0.1) is ceased


def test_no_progress_is_no_improvement_of_nothing():
    assert ceased_to_improve([1.0, 0.5, 0.5, 0.5], patience=2, min_improvement=0.0)


def test_slow_progress_adds_up():
    """The best moves only when the improvement is sufficient, so 4 % an epoch goes on."""
    losses = [0.96**epoch for epoch in range(100)]
    assert not ceased_to_improve(losses, patience=3, min_improvement=0.1)
    assert ceased_to_improve([0.98**epoch for epoch in range(100)], patience=3, min_improvement=0.1)


def test_is_scale_free():
    losses = [3.0, 2.0, 1.9, 1.89, 1.88]
    assert (ceased_to_improve(losses, patience=3, min_improvement=0.1)
            == ceased_to_improve([1e-9 * loss for loss in losses], patience=3, min_improvement=0.1))
