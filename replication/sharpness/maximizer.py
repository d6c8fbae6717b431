"""The inexact maximization in the box C_eps of Metric 2.1, by L-BFGS-B on an objective scaled to reach the bounds."""

import dataclasses
import time

import numpy as np

from replication.sharpness import lbfgsb

NOT_FINITE = "f or its gradient is not finite at a point of the box; a smaller epsilon keeps the network in its range"

# The share of the attainable linear rise that must lie in coordinates which the first step takes to their bounds. The
# other coordinates have gradients so small that no useful scale takes them there.
_REACHING_SHARE = 0.999

# Evaluations that a start may spend for each of its iterations. Ten iterations take 11 to 15; a line search that is
# lost in rounding noise takes 20 by itself.
_EVALUATIONS_PER_ITERATION = 2

# Evaluations that the vertex search after the iterations of a start may take, and the share of the coordinates that its
# first step changes at least.
_VERTEX_EVALUATIONS = 3
_VERTEX_SHARE = 0.1


@dataclasses.dataclass(frozen=True)
class Box:
    """The set { y in R^p : |y_i| <= half_widths_i }.

    Attributes:
        half_widths: Numbers of at least 0, float64 [p].
    """

    half_widths: np.ndarray

    @classmethod
    def around(cls, coordinates, epsilon, *, relative=False):
        """Returns C_eps for A+ x = `coordinates`, float64 [p]; in the full space A+ x is x itself.

        If `relative`, the half-widths are epsilon |A+ x| instead of epsilon (|A+ x| + 1).
        """
        return cls(epsilon * (np.abs(coordinates) + (0 if relative else 1)))

    def random_point(self, generator):
        """Returns a uniformly distributed point of the box, float64 [p], drawn from a NumPy `Generator`."""
        return generator.uniform(-self.half_widths, self.half_widths)

    def random_corner(self, generator):
        """Returns a corner of the box with equally probable signs, float64 [p], drawn from a NumPy `Generator`."""
        return self.half_widths * (2 * generator.integers(2, size=len(self.half_widths), dtype=np.int8) - 1)

    def corner(self, direction):
        """Returns the corner at which a linear function with the gradient `direction` [p] is largest.

        In coordinates in which the direction is 0 both signs are as good, and the positive one is taken.
        """
        return np.where(direction < 0, -self.half_widths, self.half_widths)

    def share_at_bound(self, y):
        """Returns the share of the coordinates of `y` [p] that could move and lie on the boundary, in [0, 1]."""
        movable = self.half_widths > 0
        return float(np.mean(np.abs(y[movable]) >= self.half_widths[movable])) if movable.any() else 0.0


@dataclasses.dataclass(frozen=True)
class Maximum:
    """The largest value that the search has seen, and how it was found.

    Attributes:
        y: The point, float64 [p].
        value: f at y; never below the value at y = 0.
        solver_value: The largest value that the solver's iterations have found, without the vertex search.
        evaluations: Number of evaluations of f and its gradient, without the one at y = 0 if that was given.
        vertex_evaluations: How many of them the vertex search took.
        status: The reason why the solver stopped in the ascent that found y.
        start_values: The largest value of each start.
        scales: The factor on f in each start's best ascent; 0 if the gradient was 0.
        share_at_bound: Share of y's coordinates on the boundary of the box, of those that can move.
        seconds: {"total", "objective" (in f and its gradient), "solver" (the rest)}.
    """

    y: np.ndarray
    value: float
    solver_value: float
    evaluations: int
    vertex_evaluations: int
    status: str
    start_values: tuple
    scales: tuple
    share_at_bound: float
    seconds: dict


def maximize(value_and_gradient, box, *, iterations=10, starts=1, seed=0, at_zero=None, solver="scaled"):
    """Maximizes a smooth function over a box by a few iterations of L-BFGS-B from each start.

    At a minimizer the gradient is tiny. L-BFGS-B takes a first step of length 1 times the gradient and skips every
    quasi-Newton update where -f is concave, so that without scaling it hardly leaves y = 0 and reports a rise of almost
    nothing. f is therefore multiplied by a factor, chosen from the gradient at each start, with which the first
    projected step reaches the bounds; multiplying f by a further constant then changes nothing. The solver's tolerances
    are 0: it stops after `iterations` iterations or twice as many evaluations, at a corner where no coordinate can
    rise, or when a line search finds no rise.

    A start that stops early spends its remaining iterations from other points: from the mirror image of its best point
    (at a minimizer the sign of the gradient is an accident), then from the best point with random coordinates mirrored;
    if nothing has risen yet, for instance because the gradient at y = 0 vanishes, from a random point.

    A vertex search of three evaluations follows each start. Each takes some coordinates y_i of the best point to -y_i,
    all at once: those whose gradient points towards 0, but at least the tenth with the smallest y_i g_i of those where
    it is not 0. Where f is convex, the former gain, and the latter lose little to first order and may gain by the
    curvature; if f does not rise, the point stays, and a tenth as many are tried.

    Args:
        value_and_gradient: Function from y, float64 [p], to a float and a float64 [p].
        box: The `Box`.
        iterations: Iterations of each start, default 10 (section 2.2.2).
        starts: Number of starts, default 1. The first is y = 0, the others are random points of the box.
        seed: Seed of everything random, default 0.
        at_zero: Value and gradient at y = 0 if they are known already; None (default) evaluates them.
        solver: "scaled" (default) for all this, or "scipy" for the unscaled f with the tolerances of SciPy's
            `fmin_l_bfgs_b`, one call for each start and nothing else.

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
    outcomes, solver_values = [], []
    for start in range(starts):
        generator = np.random.default_rng((seed, start))
        first = zero if start == 0 else box.random_point(generator)
        if solver == "scipy":
            found = outcome = search.ascend_unscaled(first, iterations)
        else:
            found = search.climb(first, iterations, generator)
            outcome = search.flip(found)
        solver_values.append(found.value)
        outcomes.append(outcome)
    best = max(outcomes, key=lambda outcome: outcome.value)
    return Maximum(
        y=search.best_y, value=search.best_value, solver_value=max(search.value_at_zero, *solver_values),
        evaluations=search.evaluations, vertex_evaluations=search.vertex_evaluations, status=best.status,
        start_values=tuple(outcome.value for outcome in outcomes),
        scales=tuple(outcome.scale for outcome in outcomes),
        share_at_bound=box.share_at_bound(search.best_y), seconds=search.seconds(),
    )


def reaching_scale(gradient, box):
    """Returns the factor c with which a step of c times `gradient` crosses the box.

    The step crosses it in the coordinates that hold 99.9 % of the linear rise sum_i |g_i| half_width_i. No factor
    reaches the bounds of those whose gradient is exactly 0. c is inversely proportional to the gradient.

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
    """Ends a call of the solver when its start has no evaluations left."""


@dataclasses.dataclass(frozen=True)
class _Ascent:
    """One call of the solver: its best point, value and gradient, the factor on f, and the reason why it ended."""

    y: np.ndarray
    value: float
    gradient: np.ndarray
    scale: float
    iterations: int
    status: str


class _Search:
    """One maximization: the best point seen, and the counts and times over all starts."""

    def __init__(self, value_and_gradient, box):
        self._function = value_and_gradient
        self._box = box
        self._began = time.perf_counter()
        self._in_objective = 0.0
        self._last = None
        self.evaluations = 0
        self.vertex_evaluations = 0
        self.value_at_zero = None
        self.best_y = None
        self.best_value = -np.inf

    def evaluate(self, y):
        """Returns value and gradient at y; the point that was evaluated last is not evaluated again."""
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
        """Stores a value and gradient at y; the first such point is y = 0."""
        self.value_at_zero = value if self.value_at_zero is None else self.value_at_zero
        self._last = (y, value, gradient)
        if value > self.best_value:
            self.best_y, self.best_value = y, value
        return value, gradient

    def climb(self, start, iterations, generator):
        """Returns the best ascent from `start`, which takes none if f is flat there, and points near the best."""
        ascents, left, y = [], iterations, start
        last_evaluation = self.evaluations + _EVALUATIONS_PER_ITERATION * iterations
        while left > 0 and self.evaluations < last_evaluation:
            ascents.append(self._ascend(y, left, last_evaluation))
            left -= max(int(len(ascents) > 1), ascents[-1].iterations)
            best = max(ascents, key=lambda ascent: ascent.value)
            y = self._another_point(best.y, generator, mirror=len(ascents) == 1)
        return best

    def flip(self, ascent):
        """Returns an ascent after the vertex search from its best point, unless f is flat in all that could change."""
        share, failures = _VERTEX_SHARE, 0
        for _ in range(_VERTEX_EVALUATIONS):
            gains = ascent.y * ascent.gradient
            if not len(movable := np.flatnonzero(gains)):
                break
            gains = gains[movable]
            number = max(0 if failures else int(np.sum(gains < 0)), int(share * len(movable)), 1)
            # A single coordinate that has not risen is not tried again.
            first = failures % len(movable) if number == 1 else 0
            changed = movable[np.argpartition(gains, (first, number - 1))[first:first + number]]
            y = np.array(ascent.y)
            y[changed] *= -1
            before = self.evaluations
            value, gradient = self.evaluate(y)
            self.vertex_evaluations += self.evaluations - before
            if value > ascent.value:
                ascent, failures = dataclasses.replace(ascent, y=y, value=value, gradient=gradient), 0
            else:
                share, failures = share / 10, failures + 1
        return ascent

    def ascend_unscaled(self, start, iterations):
        """Returns the ascent from `start` by SciPy's defaults."""
        return self._ascend(start, iterations, np.inf, scale=1.0, tolerances=lbfgsb.DEFAULT_TOLERANCES)

    def _another_point(self, y, generator, *, mirror):
        if not np.any(y):
            return self._box.random_point(generator)
        if mirror:
            return -y
        return np.where(generator.random(y.shape) < generator.uniform(0, 0.5), -y, y)

    def _ascend(self, start, iterations, last_evaluation, *, scale=None, tolerances=(0.0, 0.0)):
        y, (value, gradient) = start, self.evaluate(start)
        scale = reaching_scale(gradient, self._box) if scale is None else scale
        if scale == 0:
            return _Ascent(start, value, gradient, 0.0, 0, "the gradient is 0 in every coordinate of the box")

        def negative(point):
            nonlocal y, value, gradient
            if self.evaluations >= last_evaluation:
                raise _BudgetSpentError
            here, slope = self.evaluate(point)
            if here > value:
                y, value, gradient = self._last[0], here, slope
            return -scale * here, -scale * slope

        try:
            reason, done = lbfgsb.minimize(negative, start, self._box.half_widths, iterations=iterations,
                                           tolerances=tolerances)
        except _BudgetSpentError:
            return _Ascent(y, value, gradient, scale, iterations, "STOP: TOTAL NO. OF EVALUATIONS REACHED LIMIT")
        return _Ascent(y, value, gradient, scale, done, f"{reason} after {done} iterations")

    def seconds(self):
        """Returns the seconds since the search began, by what they were spent on."""
        total = time.perf_counter() - self._began
        return {"total": total, "objective": self._in_objective, "solver": total - self._in_objective}
