"""Metric 2.1: how far f can rise in a small box around a minimizer."""

import dataclasses
import time

import keras
import numpy as np
from absl import logging

from replication import configuration, machine
from replication.errors import MeasurementFailedError, require
from replication.sharpness.checks import (
    GradientCheck,
    check_every_weight,
    check_finite,
    check_gradient,
    check_repeatable,
    log_warnings,
    steepest_corner,
)
from replication.sharpness.invariance import normalized
from replication.sharpness.maximizer import Box, maximize
from replication.sharpness.objective import Objective
from replication.sharpness.subspace import space
from replication.sharpness.suitability import layer_parts

# What distinguishes the random numbers of the check from those of the starts.
_CORNER = 10**6
# How far f may move, relative to 1 + f, between weights whose outputs are the same but for the normalization's epsilon.
_SAME = 0.01
# The rise of f must be so many times its rounding noise.
_NOISE = 20


@dataclasses.dataclass(frozen=True)
class SharpnessResult:
    """One measurement of Metric 2.1 and how it was obtained.

    Attributes:
        sharpness: phi = (max f - f(x)) / (1 + f(x)) * 100, in percent, of the largest f seen.
        solver_sharpness: The same of the largest f that the solver's iterations have found, without the vertex search.
        loss: f(x).
        max_loss: The largest f seen in the box; never below `loss`.
        evaluations: Number of passes over the data, including those of the checks and of the vertex search.
        vertex_evaluations: Number of passes of the vertex search, see `maximize`.
        status: The reason why the solver stopped in the start that found the maximum.
        configuration: The `configuration.Sharpness` with every choice.
        parameters: n, the number of weights that are perturbed.
        at_bound: Share of the maximum's coordinates on the boundary of the box, of those that can move.
        start_max_losses: The largest f of each start.
        scale: The factor on f of each start.
        check: The `GradientCheck` of a directional derivative against a central difference.
        seconds: The seconds of the maximization, see `Maximum`, and of the whole "measurement".
        versions: The versions of the packages that the numbers depend on.
        jit_compile: Whether XLA compiled the passes, which rounds differently.
        layers: With `per_layer`, the sharpness of each layer's weights alone, by the layer's path; otherwise None.
        worst: The point of the largest f seen, x + A y, as one vector of the perturbed weights in the order of
            `model.trainable_variables`, float64 [n]; with `normalize` x is that of the normalized weights. Only
            `measure_sharpness` keeps it; otherwise None.
    """

    sharpness: float
    solver_sharpness: float
    loss: float
    max_loss: float
    evaluations: int
    vertex_evaluations: int
    status: str
    configuration: configuration.Sharpness
    parameters: int
    at_bound: float
    start_max_losses: tuple
    scale: tuple
    check: GradientCheck
    seconds: dict
    versions: dict
    jit_compile: bool
    layers: dict | None = None
    worst: np.ndarray | None = dataclasses.field(default=None, repr=False, compare=False)

    @property
    def summary(self) -> str:
        """The result in a line, for the log."""
        choices = self.configuration
        space = f"subspace of {choices.subspace_dim}" if choices.subspace_dim else "full space"
        return f"sharpness {self.sharpness:.4g} (epsilon {choices.epsilon:g}, {space})"

    def to_json(self) -> dict:
        """Returns the result as a JSON-ready dictionary."""
        content = dataclasses.asdict(dataclasses.replace(self, worst=None))
        del content["worst"]
        return content if self.layers is not None else {k: v for k, v in content.items() if k != "layers"}


def measure_sharpness(model: keras.Model, inputs, labels=None, *, epsilon: float = 1e-3,
                      subspace_dim: int | None = None, statistics: str = "batch",
                      batch_size: int | str = configuration.BATCH_SIZE,
                      iterations: int = 10, starts: int | None = None, seed: int = 0,
                      subspace_distribution: str = "normal", solver: str = "scaled", dropout_active: bool = False,
                      box: str = "paper", normalize: str = "none", from_logits: bool = False, loss=None,
                      variables=None, per_layer: bool = False) -> SharpnessResult:
    """Measures Metric 2.1 of a model at its present weights x.

        C_eps = { z in R^p : |z_i| <= epsilon (|(A+ x)_i| + 1) }
        phi   = ( max_{y in C_eps} f(x + A y) - f(x) ) / (1 + f(x)) * 100

    f is the mean loss over all of `inputs`, by default the cross-entropy with dropout off; all trainable weights are
    perturbed, or those of `variables`. f is the mean that `Model.evaluate` gives for the same batches: masks and sample
    weights count. The maximum is approached by L-BFGS-B and a vertex search (see `maximizer.maximize`), so the result
    is a lower bound. Before the maximization the measurement verifies that f is finite, that it does not depend on the
    states of random generators, and that the gradient agrees with central differences; for models with parts that are
    not Keras's, it verifies that of each weight. During a pass over the data the model's weights are those of a point
    of the box. Afterwards, whatever happens, weights, moving averages and seeds are what they were.

    Args:
        model: Any built `keras.Model` of numbers; without `loss`, one from inputs to class probabilities
            [batch, ..., classes].
        inputs: The inputs of the training set: an array [M, ...]; a list or a dictionary of arrays for a model of
            several inputs; or, without `labels`, batches of (inputs, labels) or (inputs, labels, sample_weight): a
            `tf.data.Dataset`, a `keras.utils.PyDataset` or another iterable. Batches are read into memory, once, and
            divided anew into batches of `batch_size`; a dataset that shuffles anew gives another division each time.
        labels: What the loss takes, an array [M, ...]; without `loss`, class numbers in 0 ... classes - 1 or one-hot
            rows. None (default) if `inputs` are batches.
        epsilon: Size of the box, default 1e-3 (the paper's other value is 5e-4).
        subspace_dim: Dimension p of a random subspace, A in R^{n x p}; None (default) or 0 for the full space, A = I.
        statistics: Statistics that every batch normalization uses, however it was built: "batch" (default; the
            statistics of the batch, as the authors' code) or "moving" (the moving averages). If a layer uses moving
            averages in training too, a warning gives f(x) by both.
        batch_size: Upper bound of the batches in which f is evaluated, default 5,000; "all" for a single batch.
        iterations: Iterations of L-BFGS-B from each start, default 10.
        starts: Number of starts; by default 1 in the full space and 4 in a subspace.
        seed: Seed of A and of the random starts, default 0.
        subspace_distribution: Distribution of A's entries: "normal", N(0, 1) (default), or "uniform" on [-1, 1].
        solver: "scaled" (default) or "scipy", see `maximize`.
        dropout_active: Whether the model is evaluated in training mode, default False. Its dropout masks depend on the
            batch and on the present states of the model's random generators, which Keras does not save with it.
        box: "paper" (default), or "relative" for half-widths of epsilon |(A+ x)_i|, which grow with the weights.
        normalize: "none" (default), or "layers" to measure at other weights with the same outputs, up to the epsilon
            of batch normalization: the kernel and bias of each layer that only a batch normalization reads are
            multiplied so that the kernel has the length of Glorot's initialization. The model's own weights stay.
        from_logits: Whether the model returns logits, default False; without `loss` only.
        loss: None (default) for the cross-entropy; "compiled" for the loss with which the model was compiled, with its
            penalties; a `keras.losses.Loss` or the name of one; or a function from labels and outputs to losses. For a
            model of several outputs, it is "compiled", or a function or `keras.losses.Loss` of your own.
        variables: Some of the trainable variables, or a pattern of their paths as in `fnmatch`, such as
            "*conv2d_1/*", to perturb these alone. None (default) for all.
        per_layer: Whether to measure each layer's weights alone as well, default False; in a subspace, only layers
            with at least `subspace_dim` weights.

    Returns:
        A `SharpnessResult`.

    Raises:
        UserError: an argument is out of range, does not fit the others, or a check fails; the
            message names it. It is a ValueError.

    Example:

    A softmax regression of one input whose weights are 0 has f(x) = log 2. The maximum in the box of epsilon = 0.1 is
    log(1 + exp(0.2)): the weight of the right class falls by 0.1 and the other rises by 0.1.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(
    ...     2, use_bias=False, kernel_initializer="zeros", activation="softmax")])
    >>> result = measure_sharpness(model, np.ones((10, 1)), np.zeros(10, int), epsilon=0.1)
    >>> known = (np.log(1 + np.exp(0.2)) - np.log(2)) / (1 + np.log(2)) * 100
    >>> f"{result.sharpness:.3f} {known:.3f}"
    '6.201 6.201'
    """
    require(isinstance(per_layer, bool | np.bool_), "per_layer", per_layer, "True or False")
    choices = configuration.Sharpness(
        epsilon=epsilon, subspace_dim=subspace_dim or 0, subspace_distribution=subspace_distribution,
        statistics=statistics, batch_size=batch_size, iterations=iterations, starts=starts, seed=seed,
        solver=solver, dropout_active=dropout_active, box=box, normalize=normalize)
    objective = Objective(model, inputs, labels, statistics=statistics, batch_size=choices.batch_size,
                          dropout_active=choices.dropout_active, from_logits=from_logits, loss=loss,
                          variables=variables)
    log_warnings(objective)
    result = compute(objective, choices, keep_worst=True)
    if not per_layer:
        return result
    return dataclasses.replace(
        result, layers={layer: own.sharpness for layer, own in compute_layers(objective, choices).items()})


def compute_layers(objective: Objective, choices: configuration.Sharpness) -> dict[str, SharpnessResult]:
    """Computes Metric 2.1 of each layer's weights alone.

    Args:
        objective, choices: See `compute`.

    Returns:
        A `SharpnessResult` by the layer's path; in a subspace, of layers with at least p weights.
    """
    parts = layer_parts(objective.variables).items()
    return {layer: compute(objective, choices, part=part) for layer, part in parts
            if part.stop - part.start >= max(choices.subspace_dim, 1)}


def compute(objective: Objective, choices: configuration.Sharpness, *, part: slice | None = None,
            keep_worst: bool = False) -> SharpnessResult:
    """Computes Metric 2.1 of an objective at its model's weights.

    Several measurements can share the data and the compiled passes of one objective.

    Args:
        objective: The `Objective`, made with the choices' statistics and batch size.
        choices: A `configuration.Sharpness`.
        part: The coordinates of x that are perturbed, a slice; None (default) for all.
        keep_worst: Whether the result has the point of the largest f, default False: it takes 8 bytes a weight.

    Returns:
        A `SharpnessResult`.

    Raises:
        UserError: p is above n, or the choices are not those of the objective.
        MeasurementFailedError: a check fails, or f or its gradient is not finite.
    """
    began, passes = time.perf_counter(), objective.passes
    for name in ("statistics", "dropout_active"):
        require(getattr(choices, name) == getattr(objective, name), name, getattr(choices, name),
                f"that of the objective, {getattr(objective, name)}")
    if not np.isfinite(objective.x).all():
        raise MeasurementFailedError(f"a weight of model {objective.model.name!r} is not finite")
    require(choices.normalize == "none" or choices.statistics == "batch", "normalize", choices.normalize,
            "none with statistics='moving', whose moving averages belong to the weights as they are")
    x = normalized(objective.model, objective.x) if choices.normalize == "layers" else objective.x
    around = space(x, choices.subspace_dim, distribution=choices.subspace_distribution, seed=choices.seed, part=part)

    def value_and_gradient(y):
        loss, gradient = objective.value_and_gradient(x + around.step(y))
        return loss, around.pull_back(gradient)

    box = Box.around(around.coordinates, choices.epsilon, relative=choices.box == "relative")
    loss, full_gradient = objective.value_and_gradient(x)
    if choices.normalize == "layers":
        _check_same(objective.value(objective.x), loss)
    if loss <= -1:
        raise MeasurementFailedError(f"f(x) is {loss:.6g}; Metric 2.1 divides by 1 + f(x), which must be positive: "
                                     "give a loss that is bounded from below, such as by 0")
    if loss < 0:
        logging.warning("f(x) is %.6g: Metric 2.1 divides by 1 + f(x), which supposes that f is not negative; add the "
                        "lower bound of the loss", loss)
    check_repeatable(loss, objective.value_with_other_seeds(x), dtype=objective.dtype)
    check_finite(objective, full_gradient)
    gradient = around.pull_back(full_gradient)
    if not objective.has_known_gradients:
        check_every_weight(objective)
    generator = np.random.default_rng((choices.seed, _CORNER))
    corner = steepest_corner(gradient, box, generator)

    def elsewhere():
        point = x + around.step(box.random_point(generator))
        value, slope = objective.value_and_gradient(point)
        pulled_back = around.pull_back(slope)
        corner = steepest_corner(pulled_back, box, generator)
        return point, value, slope, around.step(corner), float(pulled_back @ corner)

    try:
        check = check_gradient(objective, x, loss, gradient=full_gradient, direction=around.step(corner),
                               derivative=float(gradient @ corner), elsewhere=elsewhere)
        maximum = maximize(value_and_gradient, box, iterations=choices.iterations, starts=choices.starts,
                           seed=choices.seed, at_zero=(loss, gradient), solver=choices.solver)
    except FloatingPointError as error:
        raise MeasurementFailedError(f"epsilon={choices.epsilon}: {error}") from None
    # The difference may be uncertain because of kinks as well.
    if not check.conclusive and _NOISE * check.noise > maximum.value - loss:
        logging.warning("epsilon=%g: the rounding of f could be as large as its rise in so small a box",
                        choices.epsilon)
    return SharpnessResult(
        sharpness=percent(maximum.value, loss), solver_sharpness=percent(maximum.solver_value, loss), loss=loss,
        max_loss=maximum.value, evaluations=objective.passes - passes, vertex_evaluations=maximum.vertex_evaluations,
        status=maximum.status, configuration=choices,
        parameters=len(x if part is None else x[part]), at_bound=maximum.share_at_bound,
        start_max_losses=maximum.start_values, scale=maximum.scales, check=check,
        seconds={**maximum.seconds, "measurement": time.perf_counter() - began},
        versions=machine.versions(), jit_compile=objective.jit_compile,
        worst=x + around.step(maximum.y) if keep_worst else None,
    )


def _check_same(own, loss):
    """Raises a MeasurementFailedError unless f at the model's weights is `loss`, that at normalized layers."""
    if abs(loss - own) > _SAME * (1 + abs(own)):
        raise MeasurementFailedError(
            f"normalize='layers': f is {own:.6g} at the model's weights and {loss:.6g} with layers of other lengths; "
            "do several layers share a kernel, is there a penalty, or are a layer's outputs small beside the epsilon "
            "of its normalization?")


def percent(max_loss, loss):
    """Returns the rise from f(x) = `loss` to `max_loss` as Metric 2.1 counts it, in percent."""
    return (max_loss - loss) / (1 + loss) * 100
