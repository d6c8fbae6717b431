"""The speed of the maximizer itself on this machine, from a small problem."""

import numpy as np

from replication.sharpness.box import Box
from replication.sharpness.maximizer import maximize

_VARIABLES = 20_000


def time_solver():
    """Seconds that a maximization from one start takes for each variable, beside the passes of f.

    Ten iterations on a convex quadratic: SciPy walks through the bounds of all variables one by one.
    """
    generator = np.random.default_rng(0)
    curvature, slope = generator.random(_VARIABLES), generator.normal(size=_VARIABLES)

    def value_and_gradient(y):
        return float((slope + curvature * y / 2) @ y), slope + curvature * y

    seconds = maximize(value_and_gradient, Box.around(np.zeros(_VARIABLES), 1.0)).seconds
    return (seconds["total"] - seconds["objective"]) / _VARIABLES
