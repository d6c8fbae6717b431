"""The losses that a network can be trained with, each of which is then the f that is measured."""

import keras
import tensorflow as tf

# The share of the probability that the smoothed labels spread over all classes (Szegedy et al., 2016).
SMOOTHING = 0.1


def label_smoothing(labels, outputs):
    """Returns the cross-entropies of outputs [batch, classes] to smoothed labels, for class numbers [batch]."""
    classes = outputs.shape[-1]
    smoothed = (1 - SMOOTHING) * _one_hot(labels, outputs) + SMOOTHING / classes
    return keras.losses.categorical_crossentropy(smoothed, outputs)


def mean_squared_error(labels, outputs):
    """Returns the mean over the classes of the squared errors of outputs [batch, classes] from one-hot labels."""
    return keras.losses.mean_squared_error(_one_hot(labels, outputs), outputs)


LOSSES = {"cross_entropy": None, "label_smoothing": label_smoothing, "mean_squared_error": mean_squared_error}


def loss_of(run):
    """Returns the loss of a `configuration.Run`, as `sharpness.Objective` takes it: None for the cross-entropy."""
    return LOSSES[run.training_loss]


def _one_hot(labels, outputs):
    numbers = tf.reshape(tf.cast(labels, tf.int32), [-1])
    return tf.one_hot(numbers, outputs.shape[-1], dtype=outputs.dtype)
