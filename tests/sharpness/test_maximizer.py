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


def test_a_single_iteration_is_left_for_a_random_start():
    maximum = maximize(lambda y: (float(y @ y), 2 * y), Box(np.ones(4)), iterations=1)
    assert maximum.value == 4


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


def test_the_scale_carries_all_but_a_thousandth_of_the_rise_across_the_box():
    """Slopes from 1 to 1e-6: the step must cross the box where 99.9 % of the rise lies, and need not elsewhere."""
    gradient, box = 10.0 ** -np.arange(7), Box(np.array([1.0, 2.0, 1.0, 5.0, 1.0, 1.0, 1.0]))
    step = reaching_scale(gradient, box) * gradient
    crossed = step >= 2 * box.half_widths * (1 - 1e-12)
    rise = gradient * box.half_widths
    assert rise[crossed].sum() >= 0.999 * rise.sum()
    smallest = np.flatnonzero(crossed)[-1]
    assert rise[:smallest].sum() < 0.999 * rise.sum(), "no larger a scale than needed"
    assert crossed.sum() == 4


def test_each_start_has_a_point_of_its_own():
    """The first is x itself, the others are random points of the box, which the seed decides."""
    box = Box(np.array([1.0, 2.0, 0.5]))

    def points(seed, starts):
        seen = []

        def function(y):
            seen.append(np.array(y))
            return float(np.sum(y)), np.ones(3)

        maximize(function, box, iterations=1, starts=starts, seed=seed)
        return seen

    found, again, other = points(3, 3), points(3, 3), points(4, 3)
    expected = [np.random.default_rng((3, start)).uniform(-box.half_widths, box.half_widths) for start in (1, 2)]
    assert not found[0].any()
    for start in expected:
        assert any(np.array_equal(start, y) for y in found)
    assert np.array_equal(found, again) and not np.array_equal(found, other)
    assert sum(not y.any() for y in found) == 1


def test_a_start_elsewhere_finds_what_none_from_x_finds():
    """A narrow peak at the far side of a box in which f rises the other way from x."""
    def function(y):
        peak = 5 * np.exp(-20 * (y[0] + 0.8) ** 2)
        return float(y[0] + peak), np.array([1 - 40 * (y[0] + 0.8) * peak])

    box = Box(np.ones(1))
    assert maximize(function, box, solver="scipy").value == pytest.approx(1)
    assert maximize(function, box, solver="scipy", starts=6).value > 4


@pytest.mark.parametrize("features, classes", [(1, 2), (2, 2), (3, 2), (1, 3)])
def test_eight_starts_reach_the_best_corner_of_tiny_convex_problems(features, classes):
    for seed in range(6):
        inputs, labels = cases.softmax_regression(features, classes, seed=seed)
        theta = cases.minimizer(inputs, labels, classes, seed=seed)
        loss = cases.loss_and_gradient(theta, inputs, labels)[0]
        for epsilon in (1e-3, 0.1, 0.5):
            box = Box.around(theta, epsilon)
            maximum = maximize(lambda y: cases.loss_and_gradient(theta + y, inputs, labels), box, starts=8)  # noqa: B023
            percent = cases.brute_force_sharpness(theta, inputs, labels, epsilon)
            assert (maximum.value - loss) / (1 + loss) * 100 == pytest.approx(percent, rel=1e-4)


@pytest.mark.parametrize("dead, widths", [(0, 1.0), (8, 1.0), (8, 0.0)], ids=["two", "no gradient", "no width"])
def test_the_vertex_search_leaves_a_corner_at_which_the_solver_ends(dead, widths):
    """Of x^2 + y^2 + 1.8 x y - 0.5 x + 0.5 y, from the neighbourhood of a corner that is a local maximum.

    Coordinates that cannot rise, such as the weights of dead pixels, are in nobody's way.
    """
    slope, curvature = np.zeros(2 + dead), np.zeros((2 + dead, 2 + dead))
    slope[:2], curvature[:2, :2] = [-0.5, 0.5], [[2.0, 1.8], [1.8, 2.0]]

    def function(y):
        return float(slope @ y + y @ curvature @ y / 2), slope + curvature @ y

    maximum = maximize(function, Box(np.array([1.0] * 2 + [widths] * dead)), iterations=1)
    assert maximum.solver_value == pytest.approx(1.2) and maximum.value == pytest.approx(3.8)
    assert maximum.start_values == (maximum.value,)
    assert 1 <= maximum.vertex_evaluations <= 3


def test_the_vertex_search_flips_a_tenth_then_single_coordinates():
    """Of a linear function at its corner, where no flip gains: those that lose least, one after the other."""
    slope, seen = 1 + np.arange(40.0), []
    signs = np.where(np.arange(40) % 3 == 0, -1.0, 1.0)

    def function(y):
        seen.append(np.array(y))
        return float(signs * slope @ y), signs * slope

    maximum = maximize(function, Box(np.ones(40)))
    assert np.array_equal(maximum.y, signs) and maximum.vertex_evaluations == 3
    flipped = [np.flatnonzero(y != signs).tolist() for y in seen[-3:]]
    assert flipped == [[0, 1, 2, 3], [1], [2]]


def test_a_corner_is_where_a_linear_function_is_largest():
    box = Box(np.array([1.0, 2.0, 3.0]))
    assert np.array_equal(box.corner(np.array([-0.1, 0.0, 5.0])), [-1, 2, 3])
    assert box.share_at_bound(np.array([-1.0, 1.9, 3.0])) == pytest.approx(2 / 3)
    assert Box(np.array([1.0, 0.0, 0.0])).share_at_bound(np.array([0.5, 0.0, 0.0])) == 0


def test_a_start_has_two_evaluations_an_iteration():
    """f is noise, in which line searches find no rise; three evaluations more are those of the vertex search."""
    generator = np.random.default_rng(0)

    def function(y):
        return float(generator.random()), generator.normal(size=20)

    maximum = maximize(function, Box(np.ones(20)), iterations=5)
    assert 5 < maximum.evaluations <= 2 * 5 + 1 + 3


def test_a_flip_that_has_failed_is_not_repeated():
    """Half of the coordinates point inward at the corner where a penalty of their sum makes a flip of all too much."""
    seen = []

    def function(y):
        seen.append(np.array(y))
        total = y[:20].sum()
        return float(y[20:].sum() * 10 + 0.1 * total**2 - total), np.concatenate([
            np.full(20, 0.2 * total - 1), np.full(20, 10.0)])

    maximum = maximize(function, Box(np.ones(40)), iterations=10)
    tried = [tuple(y) for y in seen[-maximum.vertex_evaluations:]]
    assert len(set(tried)) == len(tried) == 3


def test_the_vertex_search_is_counted_and_never_loses():
    function, box = _regression_at_minimizer()
    maximum = maximize(function, box, starts=5)
    assert maximum.value >= maximum.solver_value
    assert 0 < maximum.vertex_evaluations <= 15 and maximum.vertex_evaluations < maximum.evaluations


@pytest.mark.parametrize("minimize", [True, False])
def test_scipys_defaults_are_those_of_fmin_l_bfgs_b(minimize):
    import scipy.optimize

    inputs, labels = cases.softmax_regression(3, 3, seed=0)
    theta = cases.minimizer(inputs, labels, 3) if minimize else np.random.default_rng(1).normal(size=12)
    box, calls = Box.around(theta, 0.1), []

    def function(y):
        calls.append(np.array(y))
        return cases.loss_and_gradient(theta + y, inputs, labels)

    _, value, found = scipy.optimize.fmin_l_bfgs_b(
        lambda y: tuple(-part for part in function(y)), np.zeros(12), maxiter=10,
        bounds=list(zip(-box.half_widths, box.half_widths)))
    expected, calls[:] = np.array(calls), []
    maximum = maximize(function, box, solver="scipy")
    assert np.array_equal(calls, expected)
    assert (maximum.value, maximum.solver_value, maximum.scales) == (max(-value, function(np.zeros(12))[0]), ) * 2 + (
        (1.0,),)
    assert maximum.vertex_evaluations == 0 and maximum.status.startswith(found["task"])
    # Where the gradient is tiny, it does not move.
    assert (maximum.value == function(np.zeros(12))[0]) == minimize
