"""The checks of f and its gradient that a measurement makes before it maximizes."""

import dataclasses
import math

import numpy as np

from replication.errors import MeasurementFailedError
from replication.sharpness.maximizer import NOT_FINITE

_STEPS = (1e-3, 1e-2, 1e-4, 1e-1)
_RELATIVE_TOLERANCE = 0.05


@dataclasses.dataclass(frozen=True)
class GradientCheck:
    """A directional derivative of f beside a central difference.

    The direction d leads from y = 0 to the corner of the box that the gradient points to, so that the derivative is
    sum_i |g_i| half_width_i: every coordinate counts, and none cancels another.

    Attributes:
        derivative: The derivative that the gradient gives.
        difference: (f(step d) - f(-step d)) / (2 step).
        step: The step, as a share of the way to the corner.
        tolerance: The deviation that was allowed: 5 % and the rounding noise.
        conclusive: Whether the derivative is larger than the rounding noise.
    """

    derivative: float
    difference: float
    step: float
    tolerance: float
    conclusive: bool


def check_repeatable(first, second, *, dtype):
    """Raises a MeasurementFailedError unless two values of f at the same point are finite and agree to rounding."""
    if not (math.isfinite(first) and math.isfinite(second)):
        raise MeasurementFailedError(f"f(x) is {first}: the loss of the model on this data is not finite; "
                                     "look for NaN in its weights or inputs")
    if abs(first - second) > _rounding(dtype) * (1 + abs(first)):
        raise MeasurementFailedError(f"f is not deterministic: two evaluations at x gave {first!r} and {second!r}; "
                                     "a layer draws random numbers in evaluation (active dropout or noise)")


def check_gradient(value, value_at_zero, gradient, *, box, size, dtype):
    """Compares the gradient at y = 0 with a central difference along the direction of steepest rise.

    Args:
        value: Function from y, float64 [p], to f.
        value_at_zero: f at y = 0.
        gradient: Gradient of f at y = 0, float64 [p].
        box: The `Box`.
        size: Number of examples that f averages over.
        dtype: NumPy dtype in which f is computed.

    Returns:
        The first `GradientCheck` that agrees; steps begin at a thousandth of the box.

    Raises:
        FloatingPointError: f is not finite at a point of the box.
        MeasurementFailedError: no step gives agreement: the gradient is not that of f.
    """
    direction = box.corner(gradient)
    derivative = float(gradient @ direction)
    noise = _rounding(dtype) * (1 + abs(value_at_zero)) / math.sqrt(size)
    for step in _STEPS:
        difference = (value(step * direction) - value(-step * direction)) / (2 * step)
        if not math.isfinite(difference):
            raise FloatingPointError(NOT_FINITE)
        tolerance = _RELATIVE_TOLERANCE * abs(derivative) + noise / step
        if abs(difference - derivative) <= tolerance:
            return GradientCheck(derivative, difference, step, tolerance,
                                 conclusive=noise / step < abs(derivative))
    raise MeasurementFailedError(
        f"the gradient of f is wrong: along the steepest direction of the box it says {derivative:.6g}, a central "
        f"difference {difference:.6g}; does the model use a custom gradient, or a layer that cannot be differentiated?")


def _rounding(dtype):
    return 4 * float(np.finfo(dtype).eps)
