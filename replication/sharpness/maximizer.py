"""The inexact maximization inside the box: L-BFGS-B on an objective scaled to reach the bounds."""

import dataclasses
import time

import numpy as np
import scipy.optimize

from replication.sharpness.checks import NOT_FINITE

# The share of the attainable linear rise that must lie in coordinates which the first step takes
# to their bounds. The rest have gradients so small that no scale of use reaches theirs.
_REACHING_SHARE = 0.999

# Evaluations for each iteration that a start may spend. Ten iterations take 11 to 15; a line search
# lost in rounding noise would take 20 by itself.
_EVALUATIONS_PER_ITERATION = 2


@dataclasses.dataclass(frozen=True)
class Maximum:
    """The largest value that the search has seen, and how it went.

    Attributes:
        y: The point, float64 [p].
        value: f at y; never below the value at y = 0.
        evaluations: Evaluations of f and its gradient, a given one at y = 0 not among them.
        status: Why the solver stopped, in the ascent that found y.
        start_values: The largest value of each start.
        scales: The factor on f in each start's best ascent; 0 where the gradient was 0.
        share_at_bound: Share of y's coordinates on the boundary of the box.
        seconds: {"total", "objective" (in f and its gradient), "setup" (SciPy's preparation of the
            bounds, up to and with its first search along the projected gradient), "solver" (all else)}.
    """

    y: np.ndarray
    value: float
    evaluations: int
    status: str
    start_values: tuple
    scales: tuple
    share_at_bound: float
    seconds: dict


def maximize(value_and_gradient, box, *, iterations=10, starts=1, seed=0, at_zero=None):
    """Maximizes a smooth function over a box by a few iterations of L-BFGS-B from each start.

    At a minimizer the gradient is tiny. L-BFGS-B takes a first step of length 1 times the gradient,
    and skips every quasi-Newton update where -f is concave, so that without scaling it hardly leaves
    y = 0 and reports a rise of almost nothing. f is therefore multiplied by a factor, chosen from
    the gradient at each start, with which the first projected step reaches the bounds; multiplying
    f by a constant changes nothing then. The solver's tolerances are 0: it stops after `iterations`
    or twice as many evaluations, at a corner where no coordinate can rise, or where a line search
    finds no rise.

    A start that stops early spends what is left from other points: the mirror image of
    its best point (at a minimizer the sign of the gradient is an accident), then the best point with
    random coordinates mirrored, and a random point of the box where nothing has risen yet, as where
    the gradient at y = 0 vanishes.

    Args:
        value_and_gradient: Function from y, float64 [p], to a float and a float64 [p].
        box: The `Box`.
        iterations: Iterations of each start, default 10 (section 2.2.1).
        starts: Number of starts, default 1: y = 0, then random points of the box.
        seed: Of everything random.
        at_zero: Value and gradient at y = 0 where they are known already.

    Returns:
        A `Maximum`.

    Raises:
        FloatingPointError: f or its gradient is not finite at a point of the box.
    """
    search = _Search(value_and_gradient, box)
    zero = np.zeros_like(box.half_widths)
    if at_zero is None:
        search.evaluate(zero)
    else:
        search.remember(zero, *at_zero)
    outcomes = []
    for start in range(starts):
        generator = np.random.default_rng((seed, start))
        first = zero if start == 0 else box.random_point(generator)
        outcomes.append(search.climb(first, iterations, generator))
    best = max(outcomes, key=lambda outcome: outcome.value)
    return Maximum(
        y=search.best_y, value=search.best_value, evaluations=search.evaluations, status=best.status,
        start_values=tuple(outcome.value for outcome in outcomes),
        scales=tuple(outcome.scale for outcome in outcomes),
        share_at_bound=box.share_at_bound(search.best_y), seconds=search.seconds(),
    )


def reaching_scale(gradient, box):
    """The factor c with which a step of c times `gradient` crosses the box.

    It does so in the coordinates that hold 99.9 % of the linear rise sum_i |g_i| half_width_i; those
    with a gradient of exactly 0 (weights of dead pixels) are reached by no factor. c is inversely
    proportional to the gradient.

    Args:
        gradient: float64 [p].
        box: The `Box`.

    Returns:
        A positive number, or 0 when the gradient is 0 everywhere.
    """
    slope = np.abs(gradient)
    rise = slope * box.half_widths
    steps = np.divide(2 * box.half_widths, slope, out=np.zeros_like(slope), where=slope > 0)
    order = np.argsort(steps)
    share = np.cumsum(rise[order])
    if share[-1] == 0:
        return 0.0
    return float(steps[order[np.searchsorted(share, _REACHING_SHARE * share[-1])]])


class _BudgetSpentError(Exception):
    """Ends a call of the solver whose start has no evaluations left."""


@dataclasses.dataclass(frozen=True)
class _Ascent:
    """One call of the solver: its best point and value, the factor on f, and why it ended."""

    y: np.ndarray
    value: float
    scale: float
    iterations: int
    status: str


class _Search:
    """One maximization: the best point seen, counts and times over all its starts."""

    def __init__(self, value_and_gradient, box):
        self._function = value_and_gradient
        self._box = box
        self._began = time.perf_counter()
        self._in_objective = 0.0
        self._in_setup = 0.0
        self._last = None
        self.evaluations = 0
        self.best_y = None
        self.best_value = -np.inf

    def evaluate(self, y):
        """Value and gradient at y; the point evaluated last is not evaluated again."""
        if self._last is not None and np.array_equal(y, self._last[0]):
            return self._last[1:]
        began = time.perf_counter()
        value, gradient = self._function(y)
        self._in_objective += time.perf_counter() - began
        self.evaluations += 1
        if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
            raise FloatingPointError(NOT_FINITE)
        return self.remember(np.array(y), value, gradient)

    def remember(self, y, value, gradient):
        """Takes note of a value and gradient at y."""
        self._last = (y, value, gradient)
        if value > self.best_value:
            self.best_y, self.best_value = y, value
        return value, gradient

    def climb(self, start, iterations, generator):
        """The best ascent from `start` and, while iterations are left, from points near the best."""
        ascents, left, y = [], iterations, start
        last_evaluation = self.evaluations + _EVALUATIONS_PER_ITERATION * iterations
        while left > 0 and self.evaluations < last_evaluation:
            ascents.append(self._ascend(y, left, last_evaluation))
            left -= max(1, ascents[-1].iterations)
            best = max(ascents, key=lambda ascent: ascent.value)
            y = self._another_point(best.y, generator, mirror=len(ascents) == 1)
        return best

    def _another_point(self, y, generator, *, mirror):
        if not np.any(y):
            return self._box.random_point(generator)
        if mirror:
            return -y
        return np.where(generator.random(y.shape) < generator.uniform(0, 0.5), -y, y)

    def _ascend(self, start, iterations, last_evaluation):
        y, (value, gradient) = start, self.evaluate(start)
        scale = reaching_scale(gradient, self._box)
        if scale == 0:
            return _Ascent(start, value, 0.0, 0, "the gradient is 0 everywhere")
        began, calls = time.perf_counter(), 0

        def negative(point):
            nonlocal calls, y, value
            calls += 1
            # The first call repeats the start; only then SciPy walks through the bounds.
            if calls == 2:
                self._in_setup += time.perf_counter() - began
            if self.evaluations >= last_evaluation:
                raise _BudgetSpentError
            here, slope = self.evaluate(point)
            if here > value:
                y, value = self._last[0], here
            return -scale * here, -scale * slope

        # An array, not a list of pairs, which would stay in memory as two objects a variable.
        bounds = np.stack([-self._box.half_widths, self._box.half_widths], axis=1)
        try:
            # Unlike `minimize`, this front end hands the bounds to the solver without converting
            # them to another form and back, which takes seconds for a million variables.
            *_, solution = scipy.optimize.fmin_l_bfgs_b(
                negative, start, bounds=bounds, maxiter=iterations, maxfun=10**6, factr=0, pgtol=0)
        except _BudgetSpentError:
            return _Ascent(y, value, scale, iterations, "STOP: TOTAL NO. OF EVALUATIONS REACHED LIMIT")
        status = f"{solution['task']} after {solution['nit']} iterations"
        return _Ascent(y, value, scale, solution["nit"], status)

    def seconds(self):
        """The time since the search began, by where it went."""
        total = time.perf_counter() - self._began
        solver = total - self._in_objective - self._in_setup
        return {"total": total, "objective": self._in_objective, "setup": self._in_setup, "solver": solver}
