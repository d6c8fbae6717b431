"""L-BFGS-B in a box whose bounds are arrays.

The front end of SciPy walks through the bounds of all variables in a Python loop, which takes seconds for a million of
them. The compiled routine behind it takes arrays, and is called here as the front end calls it. It is no public
interface: where it does not give what `scipy.optimize.fmin_l_bfgs_b` gives, that function is called instead.
"""

import functools

import numpy as np
import scipy.optimize

from replication.errors import require

# The defaults of `fmin_l_bfgs_b` for factr and pgtol.
DEFAULT_TOLERANCES = (1e7, 1e-5)
_CORRECTIONS = 10
_LINE_SEARCH_STEPS = 20
# What the routine asks for, in the first element of `task`, and the code of the second for the limit on iterations.
_NEW_ITERATION, _STOP, _EVALUATION = 1, 5, 3
_ITERATION_LIMIT = 504
_BOTH_BOUNDS = 2
# SciPy's routine counts the numbers of its workspace in 32 bits.
_LARGEST = (2**31 - 1 - 11 * _CORRECTIONS**2 - 8 * _CORRECTIONS) // (2 * _CORRECTIONS + 5)


def minimize(value_and_gradient, start, half_widths, *, iterations, tolerances=(0.0, 0.0)):
    """Minimizes a function over { y : |y_i| <= half_widths_i } from one start.

    Args:
        value_and_gradient: Function from y, float64 [p], to a float and a float64 [p]. It must not keep y, which
            changes after the call.
        start: A point of the box, float64 [p].
        half_widths: Numbers of at least 0, float64 [p].
        iterations: Largest number of iterations.
        tolerances: SciPy's factr and pgtol; (0, 0) (default) for none, `DEFAULT_TOLERANCES` for its own.

    Returns:
        SciPy's message on why it stopped, and the number of iterations.

    Raises:
        UserError: there are more coordinates than SciPy's routine can take.
    """
    require(len(start) <= _LARGEST, "weights", len(start), f"at most {_LARGEST}, the most that SciPy's L-BFGS-B takes; "
            "measure in a subspace (subspace_dim) or some of the weights (variables)")
    solver = _compiled if uses_compiled_routine() else _public
    return solver(value_and_gradient, start, half_widths, iterations, tolerances)


@functools.cache
def uses_compiled_routine():
    """Returns whether SciPy's compiled routine takes a small problem the way that its public front end takes it."""
    generator = np.random.default_rng(0)
    curvature, gradient, start = generator.normal(size=(3, 7))

    def trace(solver, tolerances):
        points = []

        def value_and_gradient(y):
            points.append(np.array(y))
            return float((gradient + curvature * y / 2) @ y), gradient + curvature * y

        return solver(value_and_gradient, np.clip(start, -1, 1), np.ones(7), 5, tolerances), np.array(points)

    for tolerances in ((0.0, 0.0), DEFAULT_TOLERANCES):
        expected, expected_points = trace(_public, tolerances)
        try:
            found, points = trace(_compiled, tolerances)
        except (AttributeError, ImportError, KeyError, TypeError, ValueError):
            return False
        if found != expected or not np.array_equal(points, expected_points):
            return False
    return True


def _public(value_and_gradient, start, half_widths, iterations, tolerances):
    # An array: a list of pairs would stay in memory as two objects for each variable. `minimize` would convert the
    # bounds to another form and back.
    bounds = np.stack([-half_widths, half_widths], axis=1)
    *_, solution = scipy.optimize.fmin_l_bfgs_b(
        value_and_gradient, start, bounds=bounds, maxiter=iterations, maxfun=10**6, factr=tolerances[0],
        pgtol=tolerances[1], m=_CORRECTIONS, maxls=_LINE_SEARCH_STEPS)
    return solution["task"], solution["nit"]


def _compiled(value_and_gradient, start, half_widths, iterations, tolerances):
    from scipy.optimize import _lbfgsb, _lbfgsb_py

    y, n, m = np.array(start, dtype=np.float64), len(start), _CORRECTIONS
    lower, bounded = -half_widths, np.full(n, _BOTH_BOUNDS, dtype=np.int32)
    value, gradient = 0.0, np.zeros(n)
    workspace, integers = np.zeros(2 * m * n + 5 * n + 11 * m * m + 8 * m), np.zeros(3 * n, dtype=np.int32)
    task, line_search = np.zeros(2, dtype=np.int32), np.zeros(2, dtype=np.int32)
    saved = np.zeros(4, dtype=np.int32), np.zeros(44, dtype=np.int32), np.zeros(29)
    done = 0
    while True:
        _lbfgsb.setulb(m, y, lower, half_widths, bounded, value, gradient, *tolerances, workspace, integers,
                       task, *saved, _LINE_SEARCH_STEPS, line_search)
        if task[0] == _EVALUATION:
            value, gradient = value_and_gradient(y)
        elif task[0] == _NEW_ITERATION:
            done += 1
            if done >= iterations:
                task[:] = _STOP, _ITERATION_LIMIT
        else:
            return f"{_lbfgsb_py.status_messages[task[0]]}: {_lbfgsb_py.task_messages[task[1]]}", done
