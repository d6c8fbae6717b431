"""The checks of f and its gradient that a measurement makes before it maximizes, and its warnings."""

import dataclasses
import functools
import math

import numpy as np
from absl import logging

from replication.errors import MeasurementFailedError
from replication.sharpness.maximizer import NOT_FINITE, Box

# The deviation that a right gradient may have, and the rounding noise that the first step allows for, as shares of the
# derivative.
_TOLERANCE = 0.05
_NOISE = 0.01
# Steps are shares of the way to the corner of the box, from the smallest one on each four times the one before.
_SMALLEST_STEP = 1e-6
_FACTOR = 4
# Shares of the way to the corner at which f is a parabola but for its rounding, which differs from one to the next.
_NEARBY = np.linspace(-5e-4, 5e-4, 11)
# The check of every weight takes f over so many examples, in a box of this epsilon.
_EXAMPLES = 32
_EPSILON = 1e-3


@dataclasses.dataclass(frozen=True)
class GradientCheck:
    """A directional derivative of f beside a central difference.

    The direction d leads from y = 0 to the corner of the box that the gradient points to, so that the derivative is
    sum_i |g_i| half_width_i: every coordinate counts, and none cancels another. Coordinates without gradient go either
    way at random.

    Attributes:
        derivative: The derivative that the gradient gives.
        difference: (f(step d) - f(-step d)) / (2 step), or its extrapolation from two steps to a step of 0.
        step: The step, as a share of the way to the corner; the smaller one of two.
        tolerance: The deviation that was allowed: 5 % and the uncertainty of the difference.
        conclusive: Whether the derivative is larger than the uncertainty of the difference.
        noise: The rounding noise of f that was allowed for.
    """

    derivative: float
    difference: float
    step: float
    tolerance: float
    conclusive: bool
    noise: float

    @property
    def passed(self):
        """Whether the two agree."""
        return abs(self.difference - self.derivative) <= self.tolerance


def log_warnings(objective):
    """Logs warnings if f leaves out penalties or constraints, or uses statistics of the batch where training does not.

    Args:
        objective: An `Objective`.
    """
    if objective.leaves_out_penalties:
        logging.warning("model %r has penalties (regularizers or add_loss), which f leaves out; loss='compiled' "
                        "includes them", objective.model.name)
    if constrained := [v for v in objective.variables if getattr(v, "constraint", None) is not None]:
        logging.warning("model %r: weight %r has a constraint, which the box knows nothing of: it holds weights that "
                        "training excludes", objective.model.name, constrained[0].path)
    if layers := objective.moving_in_training:
        moving = objective.variant(statistics="moving")
        logging.warning("batch normalization %s uses moving averages in training too (it is frozen, or called with "
                        "training=False): f(x) is %.6g by the statistics of the batch, as measured, and %.6g with "
                        "statistics='moving'", ", ".join(repr(layer.name) for layer in layers),
                        objective.value(objective.x), moving.value(moving.x))


def check_repeatable(first, second, *, dtype):
    """Raises a MeasurementFailedError unless two values of f at the same point are finite and agree to rounding."""
    if not (math.isfinite(first) and math.isfinite(second)):
        raise MeasurementFailedError(f"f(x) is {first}: the loss of the model on this data is not finite; "
                                     "look for NaN in its weights or inputs")
    if abs(first - second) > _rounding(dtype) * (1 + abs(first)):
        raise MeasurementFailedError(f"f is not deterministic: two evaluations at x gave {first!r} and {second!r}; "
                                     "a layer draws random numbers in evaluation (active dropout or noise)")


def check_finite(objective, gradient):
    """Raises a MeasurementFailedError that names the first weight whose part of the gradient of f is not finite."""
    if wrong := [v for v, part in _parts(objective) if not np.isfinite(gradient[part]).all()]:
        raise MeasurementFailedError(f"the gradient of f at x is not finite in weight {wrong[0].path!r}: does the "
                                     "model take a root, a norm or a quotient of 0?")


def check_gradient(objective, x, loss, *, gradient, direction, derivative, elsewhere=None):
    """Compares a directional derivative at x with central differences over the whole set.

    Args:
        objective: The `Objective`.
        x: Weights, float64 [n].
        loss, gradient: f(x) and its gradient, float64 [n].
        direction: The direction that leads to a corner of the box, float64 [n].
        derivative: The derivative of f along it, from the gradient with respect to y.
        elsewhere: Function that returns another point and the same for it, as the arguments above without the
            objective, in this order; None (default) for none. It decides where the comparison at x fails, because x may
            lie on kinks, such as those of ReLU at zero weights, where f has no gradient.

    Returns:
        A `GradientCheck` that has passed.

    Raises:
        FloatingPointError: f is not finite at a point of the box.
        MeasurementFailedError: the gradient is not that of f.
    """
    check = _compare(objective, x, loss, gradient, direction, derivative)
    if not check.passed and elsewhere is not None:
        check = _compare(objective, *elsewhere())
    return _require("", check)


def check_every_weight(objective):
    """Compares the gradient of each weight with central differences, over a few examples.

    Along the steepest direction of the whole box the large weights hide the small ones. Here each variable has a
    direction of its own, and so have all coordinates without gradient, which may have been forgotten.

    Raises:
        MeasurementFailedError: f is not deterministic; or the gradient of a weight is wrong or missing, and the message
            names the weight.
    """
    x, generator = objective.x, np.random.default_rng(0)
    # An operation of TensorFlow that draws random numbers draws the same ones in the first call of each function.
    check_repeatable(objective.value(x, _EXAMPLES), objective.value(x, _EXAMPLES), dtype=objective.dtype)
    box = Box.around(x, _EPSILON)

    @functools.cache
    def steepest(moved):
        """Returns x, or a point of its box, which lies on no kink, with f, the gradient and a direction of ascent."""
        point = x + box.random_point(generator) if moved else x
        loss, gradient = objective.value_and_gradient(point, _EXAMPLES)
        return point, loss, gradient, steepest_corner(gradient, box, generator)

    def compare(part, moved):
        """Returns the check of a part of the gradient, None where the direction has no such part."""
        point, loss, gradient, ascent = steepest(moved)
        direction = np.zeros_like(x)
        direction[part] = ascent[part]
        return _compare(objective, point, loss, gradient, direction, float(gradient @ direction),
                        _EXAMPLES) if direction.any() else None

    gradient = steepest(False)[2]
    check_finite(objective, gradient)
    parts = {f" in weight {v.path!r}": part for v, part in _parts(objective)}
    parts[" where it is 0"] = gradient == 0
    for name, part in parts.items():
        try:
            check = compare(part, moved=False)
            if check is not None and not check.passed:
                check = compare(part, moved=True)
        except FloatingPointError as error:
            raise MeasurementFailedError(f"{error} (the check{name})") from None
        if check is not None:
            _require(name, check)


def steepest_corner(gradient, box, generator):
    """Returns the corner of a `Box` that `gradient` [p] points to; coordinates without gradient go either way."""
    return np.where(gradient == 0, box.random_corner(generator), box.corner(gradient))


def _parts(objective):
    """Returns pairs of each variable of an objective and the slice of x that it is."""
    sizes = [math.prod(v.shape) for v in objective.variables]
    return [(v, slice(end - size, end)) for v, size, end in zip(objective.variables, sizes, np.cumsum(sizes))]


def _compare(objective, x, loss, gradient, direction, derivative, examples=None):
    size = objective.size if examples is None else min(examples, objective.size)
    noise = _rounding(objective.dtype) * (1 + abs(loss)) / math.sqrt(size)

    def difference(step):
        """Returns the central difference, as if the weights could move by exactly the step."""
        ahead, behind = (objective.representable(x + sign * step * direction) for sign in (1, -1))
        rise = objective.value(ahead, examples) - objective.value(behind, examples)
        if not math.isfinite(rise):
            raise FloatingPointError(NOT_FINITE)
        # The rounding of the weights changes the rise to first order.
        return float(rise - gradient @ (ahead - behind - 2 * step * direction)) / (2 * step)

    first = noise / (_NOISE * abs(derivative)) if derivative else 1.0
    first = float(min(max(first, _SMALLEST_STEP), 1.0))
    found = {first: difference(first)}
    if abs(found[first] - derivative) <= _TOLERANCE * abs(derivative) + (noise if derivative == 0 else 0):
        return GradientCheck(derivative, found[first], first, _TOLERANCE * abs(derivative) + noise / first,
                             conclusive=bool(noise / first <= _TOLERANCE * abs(derivative)), noise=noise)
    for power in range(-10, 11):
        if _SMALLEST_STEP <= (step := first * float(_FACTOR)**power) <= 1:
            found.setdefault(step, difference(step))
    check = _extrapolate(derivative, sorted(found.items()), noise)
    if check.passed:
        return check
    # Normalizations of almost constant values, one after the other, amplify the rounding.
    values = [objective.value(objective.representable(x + step * direction), examples) for step in _NEARBY]
    return _extrapolate(derivative, sorted(found.items()), max(noise, _scatter(values)))


def _scatter(values):
    """Returns three standard deviations of the values of f at the `_NEARBY` points about a parabola through them."""
    deviations = values - np.polynomial.Polynomial.fit(_NEARBY, values, 2)(_NEARBY)
    return 3 * math.sqrt(float(deviations @ deviations) / (len(_NEARBY) - 3))


def _extrapolate(derivative, differences, noise):
    """Returns the `GradientCheck` of the least uncertain of the extrapolations to a step of 0.

    The error of a central difference grows with the square of the step, that of the extrapolation from two steps with
    the fourth power; rounding noise grows as the step falls. Kinks, such as those of ReLU, slow the convergence down,
    so that the extrapolation is as uncertain as the two differences are apart.
    """
    weight = _FACTOR**2
    limits = [(step, smaller - larger, (weight * smaller - larger) / (weight - 1))
              for (step, smaller), (_, larger) in zip(differences, differences[1:])]
    candidates = []
    for i, (step, change, limit) in enumerate(limits):
        neighbour = limits[i + 1][2] if i + 1 < len(limits) else limits[i - 1][2]
        candidates.append((max(abs(change), abs(limit - neighbour)) + 2 * noise / step, limit, step))
    uncertainty, limit, step = min(candidates)
    scale = max(abs(limit), abs(derivative))
    return GradientCheck(derivative, limit, step, _TOLERANCE * scale + 2 * uncertainty,
                         conclusive=bool(uncertainty <= _TOLERANCE * scale), noise=noise)


def _require(where, check):
    if not check.passed:
        raise MeasurementFailedError(
            f"the gradient of f is wrong{where}: along the steepest direction of the box it says "
            f"{check.derivative:.6g}, a central difference {check.difference:.6g}; does the model use a custom "
            "gradient, or a layer that cannot be differentiated?")
    return check


def _rounding(dtype):
    return 4 * float(np.finfo(dtype).eps)
