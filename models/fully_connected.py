"""The fully connected networks of appendix B: F1 and F2."""

import keras

from models.normalization import BatchNormalization


def fully_connected(name, *, hidden_layers, units=512, statistics, input_shape, classes, seeds):
    """A stack of batch-normalized ReLU layers and a softmax layer.

    Each hidden layer is Dense, normalization, ReLU, in this order, its bias kept in front of the
    normalization as in the authors' code. Kernels start Glorot uniform, biases at zero.

    Args:
        name: Name of the model.
        hidden_layers: Number of hidden layers (F1: 5, F2: 7).
        units: Width of a hidden layer.
        statistics: As in `BatchNormalization`.
        input_shape: Shape of one input; more than one dimension is flattened.
        classes: Number of outputs.
        seeds: Iterator of integers, one for each random starting value.

    Returns:
        A built functional `keras.Model` that returns class probabilities [batch, classes].
    """
    # Every layer is named, or Keras would number it by what else the process has built, and equal
    # weights would make unequal files.
    inputs = keras.Input(input_shape, name="inputs")
    x = keras.layers.Flatten(name="flatten")(inputs) if len(input_shape) > 1 else inputs
    for i in range(1, hidden_layers + 1):
        x = keras.layers.Dense(units, kernel_initializer=_glorot(seeds), name=f"dense{i}")(x)
        x = BatchNormalization(statistics=statistics, name=f"normalization{i}")(x)
        x = keras.layers.ReLU(name=f"relu{i}")(x)
    outputs = keras.layers.Dense(classes, activation="softmax", kernel_initializer=_glorot(seeds), name="softmax")(x)
    return keras.Model(inputs, outputs, name=name)


def _glorot(seeds):
    return keras.initializers.GlorotUniform(seed=next(seeds))
