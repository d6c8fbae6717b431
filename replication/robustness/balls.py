"""The largest f in the balls of sharpness-aware minimization."""

import numpy as np

from replication.sharpness.maximizer import NOT_FINITE


def maximize_in_ball(value_and_gradient, radius, scales, *, iterations=10, at_zero=None):
    """Maximizes a function over the ball ||d / scales|| <= radius, by going to where its linear model is largest.

        d <- radius T^2 g(d) / ||T g(d)||,    T = diag(scales)

    From d = 0 the first step is that of sharpness-aware minimization (Foret et al., 2021), with scales |x| that of its
    adaptive form (Kwon et al., 2021). Where f is convex, no step loses: it is the generalized power method (Journee et
    al., 2010).

    Args:
        value_and_gradient: Function from d, float64 [n], to f and its gradient, a float and a float64 [n].
        radius: Positive number.
        scales: Numbers of at least 0, float64 [n].
        iterations: Number of steps, default 10.
        at_zero: Value and gradient at d = 0 if they are known; None (default) evaluates them.

    Returns:
        The largest value seen.

    Raises:
        FloatingPointError: f or its gradient is not finite at a point of the ball.
    """
    best, gradient = at_zero or value_and_gradient(np.zeros_like(scales))
    for step in range(iterations):
        slope = scales * gradient
        if step == 0 and not slope.any():
            # At a stationary point f may rise in every direction.
            slope = scales * np.random.default_rng(0).standard_normal(len(scales))
        length = np.linalg.norm(slope)
        if length == 0:
            break
        value, gradient = value_and_gradient(radius * scales * slope / length)
        if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
            raise FloatingPointError(NOT_FINITE)
        best = max(best, value)
    return best
