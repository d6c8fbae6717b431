"""The fully connected networks of appendix B: F1."""

import keras

from models.normalization import BatchNormalization


def fully_connected(name, *, hidden_layers, units=512, statistics, input_shape, classes, seeds):
    """A stack of batch-normalized ReLU layers and a softmax layer.

    Each hidden layer is Dense, normalization, ReLU, in this order, its bias kept in front of the
    normalization as in the authors' code. Kernels start Glorot uniform, biases at zero.

    Args:
        name: Name of the model.
        hidden_layers: Number of hidden layers (F1: 5).
        units: Width of a hidden layer.
        statistics: As in `BatchNormalization`.
        input_shape: Shape of one input; more than one dimension is flattened.
        classes: Number of outputs.
        seeds: Iterator of integers, one for each random starting value.

    Returns:
        A built functional `keras.Model` that returns class probabilities [batch, classes].
    """
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(inputs) if len(input_shape) > 1 else inputs
    for _ in range(hidden_layers):
        x = keras.layers.Dense(units, kernel_initializer=_glorot(seeds))(x)
        x = BatchNormalization(statistics=statistics)(x)
        x = keras.layers.ReLU()(x)
    outputs = keras.layers.Dense(classes, activation="softmax", kernel_initializer=_glorot(seeds))(x)
    return keras.Model(inputs, outputs, name=name)


def _glorot(seeds):
    return keras.initializers.GlorotUniform(seed=next(seeds))
