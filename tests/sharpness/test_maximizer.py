"""The maximizer: scaling, starts, and the best point seen."""

import numpy as np
import pytest

from replication.sharpness.maximizer import Box, maximize, reaching_scale
from tests.sharpness import cases


def _regression_at_minimizer(seed=0):
    inputs, labels = cases.softmax_regression(3, 3, seed=seed)
    theta = cases.minimizer(inputs, labels, 3)
    return (lambda y: cases.loss_and_gradient(theta + y, inputs, labels)), Box.around(theta, 1e-3)


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e3, 1e6])
def test_scaling_the_objective_changes_nothing(factor):
    function, box = _regression_at_minimizer()
    plain = maximize(function, box, starts=4)
    scaled = maximize(lambda y: tuple(factor * part for part in function(y)), box, starts=4)
    assert scaled.value == pytest.approx(factor * plain.value, rel=1e-12)
    assert np.array_equal(np.sign(scaled.y), np.sign(plain.y))


def test_unscaled_solver_would_have_stood_still():
    """The failure that the scaling prevents, shown on the solver itself."""
    import scipy.optimize

    function, box = _regression_at_minimizer()
    at_zero = function(np.zeros(12))[0]
    unscaled = scipy.optimize.minimize(
        lambda y: tuple(-part for part in function(y)), np.zeros(12), jac=True, method="L-BFGS-B",
        bounds=list(zip(-box.half_widths, box.half_widths)), options={"maxiter": 10})
    assert -unscaled.fun - at_zero == 0
    assert maximize(function, box).value - at_zero > 1e-6


def test_linear_function_reaches_its_corner_at_once():
    slope = np.array([3.0, -1e-9, 0.0, 2e4])
    box = Box(np.array([1.0, 2.0, 1.0, 0.5]))
    maximum = maximize(lambda y: (float(slope @ y), slope), box)
    assert maximum.value == pytest.approx(np.abs(slope) @ box.half_widths, rel=1e-6)


def test_interior_maximum_of_a_concave_function():
    center = np.array([0.3, -0.2])
    maximum = maximize(lambda y: (-float(np.sum((y - center) ** 2)), -2 * (y - center)), Box(np.ones(2)))
    assert maximum.value == pytest.approx(0, abs=1e-10)
    assert maximum.y == pytest.approx(center, abs=1e-5)


def test_best_point_seen_is_kept():
    """A function that falls after its first evaluation away from 0 still returns the best value."""
    seen = []

    def function(y):
        seen.append(float(np.sum(np.sin(40 * y))))
        return seen[-1], 40 * np.cos(40 * y)

    maximum = maximize(function, Box(np.full(3, 0.7)), starts=3)
    assert maximum.value == max(seen)
    assert maximum.evaluations == len(seen)
    assert np.all(np.abs(maximum.y) <= 0.7)


def test_vanishing_gradient_gets_a_random_start():
    maximum = maximize(lambda y: (float(y @ y), 2 * y), Box(np.array([1.0, 2.0])))
    assert maximum.value == pytest.approx(5)


def test_constant_function_ends_with_its_value():
    maximum = maximize(lambda y: (2.0, np.zeros(3)), Box(np.ones(3)))
    assert (maximum.value, maximum.scales) == (2.0, (0.0,))
    assert "gradient is 0" in maximum.status


def test_overflow_in_the_box_is_an_error():
    with pytest.raises(FloatingPointError, match="smaller epsilon"):
        maximize(lambda y: (float("inf") if np.any(y) else 0.0, np.ones(2)), Box(np.ones(2)))


def test_scale_takes_the_mass_of_the_rise_to_the_bounds():
    gradient = np.concatenate([np.full(999, 1e-6), [0.0]])
    box = Box(np.full(1000, 1e-3))
    assert reaching_scale(gradient, box) == pytest.approx(2e3)
    assert reaching_scale(1e-8 * gradient, box) == pytest.approx(2e11)
    assert reaching_scale(np.zeros(3), Box(np.ones(3))) == 0
