"""A first look at a model: what it returns, what it draws at random, and whether x reaches all of its weights."""

import contextlib
import dataclasses

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from models.normalization import batch_normalizations, normalization_statistics
from replication.errors import UserError, one_line
from replication.sharpness import tracing
from replication.sharpness.classes import class_labels
from replication.sharpness.examples import map_arrays
from replication.sharpness.losses import BatchLoss, CompiledLoss, ReducedLoss
from replication.sharpness.suitability import permanently_moving, uses_the_batch

# Examples that the model is called on, and how far its weights move to see whether outputs follow, relative to |w| + 1.
_FEW = 32
_MOVE = 1e-2
# What a call of a model or a loss raises if its arguments do not fit.
_ERRORS = (ArithmeticError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError, tf.errors.OpError)


@dataclasses.dataclass(frozen=True, eq=False)
class Inspection:
    """What a call of a model on a few examples has shown.

    Attributes:
        labels: The labels as f takes them.
        seeds: The state variables of the random generators that the call and the loss draw from.
        dtype: The least precise NumPy dtype of the operations between the weights and f.
        moving_in_training: The batch normalizations that use moving averages in training too, if f is to use the
            statistics of the batch; otherwise empty.
        leaves_out_penalties: Whether the model has regularizers or added losses which f is without.
    """

    labels: object
    seeds: list
    dtype: np.dtype
    moving_in_training: list
    leaves_out_penalties: bool


def inspect(model, examples, loss, *, variables, statistics, training, classify, from_logits):
    """Calls a model on a few examples.

    Args:
        model: A built `keras.Model`.
        examples: The `Examples`.
        loss: The loss of a batch, as `resolve_loss` returns it.
        variables: The Keras variables that x consists of.
        statistics: "batch" or "moving".
        training: Whether f calls the model in training mode.
        classify: Whether the labels are those of the cross-entropy.
        from_logits: Whether the model returns logits.

    Returns:
        An `Inspection`.

    Raises:
        UserError: the model does not take such inputs, returns something else, computes in half precision, changes a
            variable that is not Keras's, or has a weight or a normalization that the trace does not reach.
    """
    inputs, some_labels, some_weights = map_arrays(tf.convert_to_tensor, examples.rows(_FEW))
    calls, scopes = [], []

    def call(inputs):
        with normalization_statistics(model, statistics, calls=calls), tracing.Evaluation() as scope:
            scopes.append(scope)
            return model(inputs, training=training)

    shapes = tf.nest.map_structure(lambda tensor: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype), inputs)
    with _naming_inputs(model, examples):
        traced = tracing.trace(call, shapes)
    if assignments := tracing.assignments(traced):
        raise UserError(f"model {model.name!r}: a call changes a tf.Variable ({assignments[0].removeprefix('f/')}), so "
                        "that passes over the data would leave a mark; make it a weight of its layer (add_weight)")
    with _naming_inputs(model, examples):
        outputs = traced(inputs)
    dtype = tracing.least_precise_dtype(traced, variables)
    if isinstance(loss, CompiledLoss | ReducedLoss):
        dtype = min(dtype, np.dtype(keras.config.floatx()), key=lambda each: each.itemsize)
    if dtype.itemsize < 4:
        raise UserError(f"model {model.name!r}: computes in {dtype}; sharpness needs at least float32; rounding would "
                        "hide the rise that it looks for; build it under the float32 policy and set these weights")
    if statistics == "batch":
        _check_normalizations(model, traced, calls)
    _check_reached(model, traced, variables, inputs)
    penalized = not isinstance(loss, CompiledLoss) and (bool(scopes[-1].losses) or any(
        getattr(v, "regularizer", None) is not None for v in model.trainable_variables))
    labels, seeds = examples.labels, scopes[-1].advanced_seeds
    if classify:
        labels = class_labels(model, labels, tf.nest.map_structure(np.asarray, outputs), from_logits=from_logits)
    else:
        try:
            with tracing.Evaluation() as scope:
                # A compiled loss has the losses that layers add to the scope of the call.
                found = model(inputs, training=training) if isinstance(loss, CompiledLoss) else outputs
                loss(inputs, some_labels, found, some_weights)
        except _ERRORS as error:
            raise UserError(f"labels of shape {tf.nest.map_structure(np.shape, labels)} do not fit the loss and the "
                            f"outputs of model {model.name!r}: {one_line(error)}") from None
        if isinstance(loss, BatchLoss) and loss.takes_probabilities and _are_logits(outputs):
            logging.warning("model %r: its loss takes probabilities, and its outputs are none; give a loss with "
                            "from_logits=True if they are logits", model.name)
        seeds += [v for v in scope.advanced_seeds if all(v is not each for each in seeds)]
    fixed = _moving_in_training(model, shapes) if statistics == "batch" else []
    return Inspection(labels, seeds, dtype, fixed, penalized)


def _are_logits(outputs):
    """Returns whether outputs, if they are one array, leave the range of probabilities."""
    return tf.is_tensor(outputs) and not np.all((np.asarray(outputs) >= 0) & (np.asarray(outputs) <= 1 + 1e-3))


@contextlib.contextmanager
def _naming_inputs(model, examples):
    """Turns an error of a call within a block into a UserError that names the shapes of the inputs."""
    try:
        yield
    except _ERRORS as error:
        shape = tf.nest.map_structure(np.shape, examples.inputs)
        raise UserError(f"inputs of shape {shape} do not fit model {model.name!r}, or its call cannot be compiled: "
                        f"{one_line(error)}") from None


def _check_normalizations(model, traced, calls):
    """Raises a UserError if the trace computes a batch normalization of which it has made no call."""
    replaced = {id(layer) for layer, _ in calls}
    for layer in batch_normalizations(model):
        if id(layer) not in replaced and tracing.variables_read(traced, layer.variables):
            raise UserError(f"model {model.name!r}: batch normalization {layer.name!r} is part of a saved graph, whose "
                            "statistics cannot be chosen; give statistics='moving'")


def _check_reached(model, traced, variables, inputs):
    """Raises a UserError if the trace misses the reads of a weight."""
    read = {id(v) for v in tracing.variables_read(traced, variables)}
    unread = [v for v in variables if id(v) not in read]
    for variable in unread:
        if _moves_outputs(model, variable, inputs):
            raise UserError(f"model {model.name!r}: the compiled model reads weight {variable.path!r} as a constant "
                            "or a NumPy array, so changes of x do not reach it")


def _moves_outputs(model, variable, inputs):
    """Returns whether the outputs of the model itself, not of a trace, follow a change of one of its weights."""
    before = [(v, tf.identity(v.value)) for v in model.variables]

    def outputs():
        try:
            return tf.nest.flatten(tf.nest.map_structure(np.asarray, model(inputs, training=False)))
        finally:
            for v, value in before:
                v.assign(value)

    first = outputs()
    variable.assign(variable.value + _MOVE * (tf.abs(variable.value) + 1))
    return not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, outputs()))


def _moving_in_training(model, shapes):
    layers = batch_normalizations(model)
    if all(map(uses_the_batch, layers)):
        return []
    calls = []

    def call(inputs):
        with normalization_statistics(model, "batch", calls=calls), tracing.Evaluation():
            return model(inputs, training=True)

    tracing.trace(call, shapes)
    return permanently_moving(model, calls)
