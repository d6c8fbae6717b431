"""Models from inputs to the probabilities of classes: their loss, their labels, and how many are right."""

import keras
import numpy as np
import tensorflow as tf

from replication.data.arrays import check_classes
from replication.errors import UserError


def cross_entropy(labels, outputs, *, from_logits):
    """Returns the cross-entropies of outputs [batch, ..., classes], for class numbers or one-hot rows as labels."""
    function = (keras.losses.categorical_crossentropy if _are_one_hot(labels, outputs)
                else keras.losses.sparse_categorical_crossentropy)
    return function(labels, outputs, from_logits=from_logits)


def number_right(labels, outputs):
    """Returns how many examples have their label as the most probable class, a float64 scalar; NaN without classes.

    An example with several labels counts by the share of those that are right.
    """
    nan = tf.constant(np.nan, tf.float64)
    if not tf.is_tensor(labels) or not tf.is_tensor(outputs) or (outputs.shape.rank or 0) < 2 or outputs.shape[-1] == 1:
        return nan
    predicted = tf.argmax(outputs, axis=-1, output_type=tf.int32)
    if _are_one_hot(labels, outputs):
        labels = tf.argmax(labels, axis=-1, output_type=tf.int32)
    elif not labels.dtype.is_integer or not labels.shape[1:].is_compatible_with(outputs.shape[1:-1]):
        return nan
    right = tf.cast(tf.equal(predicted, tf.cast(labels, tf.int32)), tf.float64)
    return tf.reduce_sum(right) / tf.cast(tf.reduce_prod(tf.shape(right)[1:]), tf.float64)


def class_labels(model, labels, outputs, *, from_logits):
    """Returns the labels of the cross-entropy as the compiled passes take them: int32 class numbers, or one-hot rows.

    Args:
        model: The `keras.Model`, for the messages.
        labels: Array [M, ...].
        outputs: The model's outputs for some examples, an array [rows, ..., classes].
        from_logits: Whether they are logits.

    Raises:
        UserError: the outputs are no probabilities, or the labels do not fit them; the message says how.
    """
    hint = "; give loss= for a model of another kind"
    if isinstance(outputs, dict | list | tuple) or outputs.ndim < 2:
        raise UserError(f"model {model.name!r}: expected one output of shape [batch, classes]{hint}")
    if outputs.shape[-1] == 1:
        raise UserError(f"model {model.name!r}: has a single output; expected one for each class, so two at least{hint}"
                        ", such as loss='binary_crossentropy'")
    rows = np.asarray(outputs, np.float64)
    if not from_logits and np.all(np.isfinite(rows)) and not _are_distributions(rows, 1e-2):
        raise UserError(f"model {model.name!r}: its outputs are no probabilities (negative, or their sum is "
                        "not 1); if they are logits, give from_logits=True, or end the model with a softmax")
    if from_logits and _are_distributions(rows, 1e-5):
        raise UserError(f"model {model.name!r}: its outputs are probabilities; leave out from_logits=True")
    if isinstance(labels, dict | list):
        raise UserError(f"labels: several arrays, but model {model.name!r} has one output")
    expected = outputs.shape[1:-1]
    if labels.shape[1:] == outputs.shape[1:]:
        # Rows of a sequence that a mask leaves out may be 0.
        if not _are_distributions(labels if labels.ndim == 2 else labels[labels.any(axis=-1)], 1e-3):
            raise UserError("labels: expected one-hot rows or probabilities, whose sum is 1; for several labels an "
                            "example give loss='binary_crossentropy', or BinaryCrossentropy(from_logits=True)")
        return labels
    if labels.shape[1:] == (*expected, 1):
        labels = labels[..., 0]
    if labels.shape[1:] != expected:
        raise UserError(f"labels: shape {labels.shape}, expected class numbers {['M', *expected]} or one-hot rows "
                        f"{['M', *outputs.shape[1:]]}".replace("'", ""))
    check_classes(labels, outputs.shape[-1])
    return labels.astype(np.int32, copy=False)


def _are_distributions(rows, tolerance):
    """Returns whether all rows of an array are distributions over its last axis."""
    return bool(np.all(rows >= 0) and np.allclose(np.sum(rows, axis=-1, dtype=np.float64), 1, atol=tolerance))


def _are_one_hot(labels, outputs):
    return labels.shape.rank == outputs.shape.rank and labels.shape[-1] == outputs.shape[-1] > 1
