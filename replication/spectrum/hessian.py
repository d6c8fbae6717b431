"""The Hessian of f over a whole data set, as a SciPy LinearOperator."""

import keras
import numpy as np
import scipy.sparse.linalg

from replication.configuration import BATCH_SIZE, STATISTICS
from replication.errors import MeasurementFailedError, require_name
from replication.sharpness import Objective
from replication.sharpness.checks import check_every_weight, check_repeatable, log_warnings
from replication.sharpness.suitability import constant_variables

# The deviation that rounding may cause in two products, as a share.
_ASYMMETRY = 0.01


class Hessian(scipy.sparse.linalg.LinearOperator):
    """The Hessian of an objective f at the weights x of its model, float64 [n, n], symmetric and never stored.

    A product takes the time of 2.2 to 2.5 passes of f and its gradient (benchmarks/README.md). Where activations such
    as ReLU have kinks, it is the Hessian of the pieces between them: it lacks what a finite difference of the gradient
    sees of the kinks.

    Args:
        objective: A `sharpness.Objective`. Its x stays where it is when the model is trained on; if f depends on other
            weights of the model that change, products raise a MeasurementFailedError.

    Attributes:
        objective: The objective.
        precision: The relative rounding of its floating-point numbers, about 1e-7 or 2e-16.
        products: The number of products so far.
    """

    def __init__(self, objective: Objective):
        super().__init__(dtype=np.float64, shape=(len(objective.x),) * 2)
        self.objective = objective
        self.precision = float(np.finfo(objective.dtype).eps)
        self.products = 0
        self._others = [(v, v.numpy()) for v in constant_variables(objective.model, objective.variables,
                                                                   objective.statistics)]

    def _matvec(self, direction):
        self.products += 1
        if changed := [v for v, value in self._others if not np.array_equal(v.numpy(), value)]:
            raise MeasurementFailedError(f"model {self.objective.model.name!r}: weight {changed[0].path!r} has changed "
                                         "since its Hessian was made; make it again")
        product = self.objective.hessian_product(self.objective.x, np.ravel(direction))
        if not np.isfinite(product).all():
            raise MeasurementFailedError(f"model {self.objective.model.name!r}: the Hessian of f is not finite at x")
        return product

    def _adjoint(self):
        return self


def hessian(model: keras.Model, inputs, labels=None, *, statistics: str = "batch", batch_size: int | str = BATCH_SIZE,
            from_logits: bool = False, loss=None, variables=None) -> Hessian:
    """Returns the Hessian of f, the mean loss of a model over a whole data set, at the model's present weights.

    Args:
        model: Any built `keras.Model`; without `loss`, one that returns class probabilities or logits.
        inputs, labels: The training set, see `sharpness.measure_sharpness`.
        statistics: Statistics that every batch normalization uses, "batch" (default) or "moving". With "batch", the
            derivatives of the statistics are part of the Hessian.
        batch_size: Upper bound of the equal batches in which f is evaluated, default 5,000; "all" for a single batch.
        from_logits: Whether the model returns logits, default False.
        loss: None (default) for the cross-entropy, or another loss, see `measure_sharpness`.
        variables: Some of the trainable variables, or a pattern of their paths, in whose coordinates alone the Hessian
            is taken, see `measure_sharpness`. None (default) for all.

    Returns:
        A `Hessian` [n, n].

    Raises:
        UserError: an argument does not fit; the message names it.
        MeasurementFailedError: f is not finite or depends on random numbers, its gradient is wrong, or the Hessian is
            not symmetric or not defined.

    Example:

    A softmax regression of one input 1 whose weights are 0 has the Hessian [[1, -1], [-1, 1]] / 4.

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(
    ...     2, use_bias=False, kernel_initializer="zeros", activation="softmax")])
    >>> H = hessian(model, np.ones((10, 1)), np.zeros(10, int))
    >>> (H @ np.eye(2)).round(3).tolist()
    [[0.25, -0.25], [-0.25, 0.25]]
    """
    require_name("statistics", statistics, STATISTICS)
    objective = Objective(model, inputs, labels, statistics=statistics, batch_size=batch_size, from_logits=from_logits,
                          loss=loss, variables=variables)
    log_warnings(objective)
    return checked(objective, objective.value(objective.x))


def checked(objective, loss):
    """Returns the `Hessian` of an objective after the checks of f, its gradient and, if it is others', the Hessian.

    Args:
        objective: A `sharpness.Objective`.
        loss: f(x).

    Raises:
        MeasurementFailedError: see `hessian`.
    """
    check_repeatable(loss, objective.value_with_other_seeds(objective.x), dtype=objective.dtype)
    found = Hessian(objective)
    if not objective.has_known_gradients:
        check_every_weight(objective)
        _check_symmetric(found)
    return found


def _check_symmetric(operator):
    """Raises a MeasurementFailedError unless u' H (H u) is (H u)' (H u), as far as rounding allows, for a random u."""
    direction = np.random.default_rng(0).standard_normal(operator.shape[0])
    first = operator @ direction
    second = operator @ first
    if not np.isfinite([*first, *second]).all():
        raise MeasurementFailedError("the Hessian of f is not finite at x")
    if abs(direction @ second - first @ first) > _ASYMMETRY * (first @ first):
        raise MeasurementFailedError(
            f"the Hessian of f is not symmetric: u' H (H u) is {direction @ second:.6g}, (H u)' (H u) "
            f"{first @ first:.6g}; does the model use a custom gradient whose own derivative is wrong?")
