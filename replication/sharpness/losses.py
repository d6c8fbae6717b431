"""The loss of a batch, as `Model.evaluate` takes it."""

import inspect

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from replication.errors import UserError, one_line, require
from replication.sharpness.classes import cross_entropy
from replication.sharpness.examples import map_arrays


def is_of_keras(loss):
    """Returns whether a loss as users give it is Keras's own: None, a name, or an object of Keras's functions alone."""
    if loss is None or isinstance(loss, str):
        return loss != "compiled"
    parts = type(loss), getattr(loss, "fn", loss)
    return all((getattr(part, "__module__", None) or "").startswith("keras.") for part in parts)


class BatchLoss:
    """The mean loss of a batch of examples, times their number.

    f, the sum over all batches divided by the number of examples, is thus the mean that `Model.evaluate` gives for the
    same batches: examples count by their `sample_weight`, and what a mask of the outputs or of the losses hides does
    not count.

    Args:
        function: Function from labels and outputs to losses of any shape, or to their mean.
        takes_probabilities: Whether the loss is known to take probabilities for outputs, not logits.

    Raises:
        UserError: the loss is one number for a batch, or has a mask, and the batch is divided between devices.
        tf.errors.InvalidArgumentError: the batch is divided, and the first axis of the losses is not that of the
            examples.
    """

    def __init__(self, function, *, takes_probabilities=False):
        self._function, self.takes_probabilities = function, takes_probabilities

    def __call__(self, inputs, labels, outputs, weights):
        """Returns the loss, a float64 scalar."""
        found = self._function(labels, outputs)
        masks = [mask for each in (outputs, found) if (mask := getattr(each, "_keras_mask", None)) is not None]
        losses = tf.cast(found, tf.float64)
        if losses.shape.rank == 0:
            _require_whole_batch("one number for a batch")
            if weights is None:
                return losses * _number(labels)
            losses *= tf.ones(tf.shape(weights), tf.float64)
        if masks:
            _require_whole_batch("a mask")
        if not masks and weights is None:
            if _replicas() == 1:
                return tf.reduce_mean(losses) * _number(labels)
            tf.debugging.assert_equal(tf.cast(tf.shape(losses)[0], tf.float64), _number(labels),
                                      "loss: not [batch, ...], which only one device can compute")
            # A part of a batch may be empty.
            return tf.reduce_sum(losses) / _each(losses)
        factors = tf.ones_like(losses)
        for mask in masks:
            factors *= _expanded(mask, losses)
        # Keras divides by the number of what is not masked, whatever the weights are.
        counted = tf.reduce_sum(factors)
        if weights is not None:
            factors *= _expanded(weights, losses)
        return tf.math.divide_no_nan(tf.reduce_sum(losses * factors), counted) * _number(labels)


class ReducedLoss:
    """A Keras loss with a reduction of its own, such as "sum", as `BatchLoss` gives it.

    Args:
        loss: The `keras.losses.Loss`.

    Raises:
        UserError: the batch is divided between devices.
    """

    def __init__(self, loss):
        self._loss = loss

    def __call__(self, inputs, labels, outputs, weights):
        """Returns the loss, a float64 scalar."""
        _require_whole_batch("a reduction of its own")
        _require_one_output(labels, outputs)
        return tf.cast(tf.reduce_mean(self._loss(labels, outputs, weights)), tf.float64) * _number(labels)


class CompiledLoss:
    """The loss with which a model was compiled, with its penalties, as `BatchLoss` gives it.

    Args:
        model: A compiled `keras.Model`.

    Raises:
        UserError: the batch is divided between devices.
    """

    def __init__(self, model):
        self._model = model

    def __call__(self, inputs, labels, outputs, weights):
        """Returns the loss, a float64 scalar."""
        _require_whole_batch("'compiled'")
        return tf.cast(_computed(self._model, inputs, labels, outputs, weights), tf.float64) * _number(labels)


def resolve_loss(loss, model, examples, *, from_logits):
    """Returns the loss of a batch as a function of inputs, labels, outputs and weights.

    Args:
        loss: None for the cross-entropy of class numbers or one-hot rows; "compiled" for the model's own; or a
            `keras.losses.Loss`, the name of one, or a function from labels and outputs to losses.
        model: The `keras.Model`.
        examples: The `Examples`.
        from_logits: Whether the outputs are logits; for the cross-entropy only.

    Raises:
        UserError: `loss` is none of these, or the model is not compiled.
    """
    require(isinstance(from_logits, bool | np.bool_), "from_logits", from_logits, "True or False")
    if loss is None:
        return BatchLoss(lambda labels, outputs: cross_entropy(labels, outputs, from_logits=from_logits))
    if from_logits:
        raise UserError("from_logits=True: only valid without loss; give a loss that takes logits")
    if isinstance(loss, str) and loss == "compiled":
        return _compiled(model, examples)
    given = loss
    try:
        loss = None if inspect.isclass(loss) else keras.losses.get(loss)
    except (TypeError, ValueError):
        loss = None
    if not callable(loss):
        raise UserError(f"loss={given!r}: expected None, 'compiled', a Keras loss or its name, or a function from "
                        "labels and outputs to losses")
    if isinstance(loss, keras.losses.Loss) and loss.reduction not in ("sum_over_batch_size", "mean"):
        return ReducedLoss(loss)
    is_object = isinstance(loss, keras.losses.Loss)
    own = (getattr(type(loss) if is_object else loss, "__module__", None) or "").startswith("keras.")
    return BatchLoss((_of_keras if is_object else _aligned)(loss, single=own),
                     takes_probabilities=own and _takes_probabilities(loss))


def _takes_probabilities(loss):
    """Returns whether a loss of Keras has the argument `from_logits`, which is false."""
    found = inspect.signature(getattr(loss, "fn", loss)).parameters.get("from_logits")
    return found is not None and not getattr(loss, "_fn_kwargs", {}).get("from_logits", found.default)


def _compiled(model, examples):
    if not model.compiled:
        raise UserError(f"loss='compiled': model {model.name!r} is not compiled")
    # Its first call makes variables, which no trace may, and counts in the metrics of the model's own outputs.
    inputs, labels, weights = map_arrays(tf.convert_to_tensor, examples.rows(1))
    # A loss of the model's own may also call it in training mode, or draw random numbers.
    before = [(variable, tf.identity(variable.value)) for variable in (*model.variables, *model.metrics_variables)]
    what = f"inputs of shape {tf.nest.map_structure(np.shape, examples.inputs)} do not fit model {model.name!r}"
    try:
        # Called as users do, so that the model has the losses that its layers add.
        outputs = model(inputs, training=False)
        what = f"loss='compiled': model {model.name!r} cannot compute it for these labels"
        _computed(model, inputs, labels, outputs, weights)
    except (ValueError, TypeError, KeyError, tf.errors.InvalidArgumentError) as error:
        raise UserError(f"{what}: {one_line(error)}") from None
    finally:
        for variable, value in before:
            variable.assign(value)
    if not type(model).test_step.__module__.startswith(("keras.", "replication.")):
        logging.warning("model %r: has a test_step of its own, whose loss may be another than that of its compute_loss,"
                        " which f is", model.name)
    return CompiledLoss(model)


def _computed(model, inputs, labels, outputs, weights):
    """Returns the loss that a model computes for a batch in evaluation, a scalar."""
    # As Keras does: a `compute_loss` of the model's own may name its arguments otherwise, and lack the last one.
    takes_training = "training" in inspect.signature(model.compute_loss).parameters
    return tf.reduce_mean(model.compute_loss(
        inputs, labels, outputs, weights, **({"training": False} if takes_training else {})))


def _of_keras(loss, *, single):
    """Returns the losses of a `keras.losses.Loss`, which takes labels in the outputs' dtype and aligns ranks itself.

    Args:
        loss: The loss.
        single: Whether it takes a single output, as those of Keras do.
    """
    def call(labels, outputs):
        if single:
            _require_one_output(labels, outputs)
        return loss.call(tf.cast(labels, outputs.dtype) if _are_tensors(labels, outputs) else labels, outputs)

    return call


def _aligned(function, *, single):
    """Returns the losses of a function, which takes labels in the outputs' dtype and rank, as Keras aligns them.

    Args:
        function: Function from labels and outputs to losses.
        single: Whether it takes a single output, as those of Keras do.
    """
    def aligned(labels, outputs):
        if single:
            _require_one_output(labels, outputs)
        if not _are_tensors(labels, outputs):
            return function(labels, outputs)
        return function(*_of_one_rank(tf.cast(labels, outputs.dtype), outputs))

    return aligned


def _of_one_rank(labels, outputs):
    """Returns labels and outputs with a last axis of length 1 added to or taken from one of them, as Keras does.

    Labels and outputs of rank 1 get such an axis; of others it is taken away.
    """
    more = labels.shape.rank - outputs.shape.rank
    if more == 1 and labels.shape[-1] == 1:
        return (labels, tf.expand_dims(outputs, -1)) if outputs.shape.rank == 1 else (tf.squeeze(labels, -1), outputs)
    if more == -1 and outputs.shape[-1] == 1:
        return (tf.expand_dims(labels, -1), outputs) if labels.shape.rank == 1 else (labels, tf.squeeze(outputs, -1))
    return labels, outputs


def _are_tensors(labels, outputs):
    return tf.is_tensor(labels) and tf.is_tensor(outputs)


def _require_one_output(labels, outputs):
    """Raises a UserError if there are several labels or outputs, which losses of Keras would take for one array."""
    if not _are_tensors(labels, outputs):
        raise UserError("the loss is one of a single output; give loss='compiled', or a function from labels and "
                        "outputs to losses")


def _replicas():
    return tf.distribute.get_strategy().num_replicas_in_sync


def _require_whole_batch(what):
    """Raises a UserError in a replica of several: the losses of the parts of a batch would not add up to its own."""
    if _replicas() > 1:
        raise UserError(f"loss: {what}, which only one device can compute; measure without --strategy=mirrored")


def _number(labels):
    return tf.cast(tf.shape(tf.nest.flatten(labels)[0])[0], tf.float64)


def _each(losses):
    """Returns how many losses an example has."""
    return tf.cast(tf.reduce_prod(tf.shape(losses)[1:]), tf.float64)


def _expanded(factors, losses):
    factors = tf.cast(factors, tf.float64)
    if factors.shape.rank > losses.shape.rank:
        if factors.shape[-1] != 1:
            raise UserError(f"sample_weight: shape {['N', *factors.shape[1:]]}, expected a weight for each loss, "
                            f"{['N', *losses.shape[1:]]}".replace("'", ""))
        factors = tf.squeeze(factors, -1)
    while factors.shape.rank < losses.shape.rank:
        factors = tf.expand_dims(factors, -1)
    return factors * tf.ones_like(losses)
