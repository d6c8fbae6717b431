"""L-BFGS-B with bounds that are arrays, against SciPy's public front end."""

import types

import numpy as np
import pytest
import scipy.optimize

from replication.errors import UserError
from replication.sharpness import lbfgsb


def _quadratic(size, seed, log=None):
    generator = np.random.default_rng(seed)
    curvature, slope = generator.normal(size=size), generator.normal(size=size)

    def value_and_gradient(y):
        if log is not None:
            log.append(np.array(y))
        return float((slope + curvature * y / 2) @ y), slope + curvature * y

    return value_and_gradient


def _rosenbrock(size, log):
    def value_and_gradient(y):
        log.append(np.array(y))
        return scipy.optimize.rosen(y), scipy.optimize.rosen_der(y)

    return value_and_gradient


def _flat(size, log):
    def value_and_gradient(y):
        log.append(np.array(y))
        return 0.0, np.zeros(size)

    return value_and_gradient


def _rising_while_the_gradient_says_falling(size, log):
    """A wrong gradient: every line search fails."""
    def value_and_gradient(y):
        log.append(np.array(y))
        return float(np.sum(y)), -np.ones(size)

    return value_and_gradient


FUNCTIONS = {
    "quadratic": lambda size, log: _quadratic(size, 1, log), "rosenbrock": _rosenbrock, "flat": _flat,
    "wrong gradient": _rising_while_the_gradient_says_falling,
}


def test_the_compiled_routine_is_called():
    """With the SciPy of the lock file, and with the oldest that requirements.txt allows (`make oldest`)."""
    assert lbfgsb.uses_compiled_routine()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("tolerances", [(0.0, 0.0), lbfgsb.DEFAULT_TOLERANCES])
@pytest.mark.parametrize("size, iterations", [(2, 1), (5, 10), (1000, 10), (20_000, 15)])
def test_it_takes_the_same_steps_bit_for_bit(name, size, iterations, tolerances):
    generator = np.random.default_rng(size)
    half_widths = generator.uniform(0.1, 2.0, size)
    start = generator.uniform(-half_widths, half_widths)
    ours, theirs = [], []
    found = lbfgsb.minimize(FUNCTIONS[name](size, ours), start, half_widths, iterations=iterations,
                            tolerances=tolerances)
    *_, solution = scipy.optimize.fmin_l_bfgs_b(
        FUNCTIONS[name](size, theirs), start, bounds=np.stack([-half_widths, half_widths], axis=1), maxiter=iterations,
        maxfun=10**6, factr=tolerances[0], pgtol=tolerances[1])
    # SciPy's front end does not evaluate a point twice in a row; nor does the maximizer.
    ours = [y for index, y in enumerate(ours) if index == 0 or not np.array_equal(y, ours[index - 1])]
    assert np.array_equal(ours, theirs)
    assert found == (solution["task"], solution["nit"])


def test_more_coordinates_than_scipy_counts_are_refused(monkeypatch):
    # 2 m n + 5 n + 11 m^2 + 8 m numbers, m = 10.
    assert 25 * lbfgsb._LARGEST + 1180 <= 2**31 - 1 < 25 * (lbfgsb._LARGEST + 1) + 1180
    monkeypatch.setattr(lbfgsb, "_LARGEST", 4)
    with pytest.raises(UserError, match="weights=5: expected at most 4, .* measure in a subspace"):
        lbfgsb.minimize(_quadratic(5, 1), np.zeros(5), np.ones(5), iterations=1)


def test_an_exception_of_the_function_ends_it():
    def value_and_gradient(y):
        raise FloatingPointError("not finite")

    with pytest.raises(FloatingPointError, match="not finite"):
        lbfgsb.minimize(value_and_gradient, np.zeros(3), np.ones(3), iterations=10)


@pytest.mark.parametrize("broken", ["absent", "another signature", "other steps"])
def test_another_scipy_gets_the_public_function(broken, monkeypatch):
    setulb = scipy.optimize._lbfgsb.setulb

    def other_steps(m, y, *arguments):
        setulb(m, y, *arguments)
        y *= 0.9

    other = {"absent": {}, "another signature": {"setulb": lambda m, y: None}, "other steps": {"setulb": other_steps}}
    # The public front end has a reference of its own.
    monkeypatch.setattr(scipy.optimize, "_lbfgsb", types.SimpleNamespace(**other[broken]))
    lbfgsb.uses_compiled_routine.cache_clear()
    try:
        assert not lbfgsb.uses_compiled_routine()
        points = []
        reason, iterations = lbfgsb.minimize(_quadratic(5, 1, points), np.zeros(5), np.ones(5), iterations=10)
        assert len(points) > 1 and iterations >= 1 and reason
    finally:
        lbfgsb.uses_compiled_routine.cache_clear()
