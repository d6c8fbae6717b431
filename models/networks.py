"""The networks of the paper's table 1, with the layers that they are made of.

F1 and F2 are fully connected, C1 to C4 convolutional. C1 to C4 have two architectures: "released" is the one that
the authors' published code builds, "text" the one that appendix B describes. The two differ in the strides of C1
and C3 and in the dropout of C2 and C4.

A function that builds a network takes the name of the model, the `Layers` that create and apply each layer, the shape
of one input, the number of classes and, if there is a choice, the architecture. It returns a built functional
`keras.Model` that returns class probabilities [batch, classes].
"""

import collections
import dataclasses
import functools
import typing

import keras

from models.normalization import BatchNormalization

_ARCHITECTURES = ("released", "text")
_DENSE_DROPOUT = 0.5
_SHALLOW_STRIDES = {"released": 1, "text": 2}
# The number of filters of each convolution; a pooling layer follows each inner tuple.
_DEEP_STACKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_DEEP_FIRST_DROPOUT, _DEEP_LATER_DROPOUT = 0.3, 0.4


def fully_connected(name, layers, *, input_shape, classes, hidden_layers, units=512):
    """Builds F1 (5 hidden layers) or F2 (7): batch-normalized ReLU layers of `units` units and a softmax layer.

    Inputs of several dimensions are flattened.
    """
    inputs = keras.Input(input_shape, name="inputs")
    x = keras.layers.Flatten(name="flatten")(inputs) if len(input_shape) > 1 else inputs
    for _ in range(hidden_layers):
        x = layers.dense(x, units)
    return keras.Model(inputs, layers.softmax(x, classes), name=name)


def shallow(name, layers, *, input_shape, classes, architecture):
    """Builds C1 or C3, which resemble AlexNet: two convolutions, each with a pooling layer, and two dense layers.

    The text's "[64, 5, 5, 2]" means 64 filters of 5 x 5 with stride 2, and its MaxPool(3) has stride 2 as well; in
    the released code the convolutions have stride 1. Dropout of 0.5 follows both dense layers.
    """
    inputs = x = keras.Input(input_shape, name="inputs")
    for _ in range(2):
        x = layers.convolution(x, 64, 5, strides=_SHALLOW_STRIDES[architecture])
        x = layers.pool(x, 3)
    x = keras.layers.Flatten(name="flatten")(x)
    for units in (384, 192):
        x = layers.dense(x, units)
        x = layers.dropout(x, _DENSE_DROPOUT)
    return keras.Model(inputs, layers.softmax(x, classes), name=name)


def deep(name, layers, *, input_shape, classes, architecture):
    """Builds C2 or C4, which resemble VGG: five stacks of 3 x 3 convolutions with pooling, and a dense layer.

    In the text, dropout of 0.5 follows the dense layer only. The released code also applies it before that layer, and
    has dropout within the stacks: 0.3 after the first convolution of the network, and 0.4 after every later
    convolution that is not the last of its stack.
    """
    released = architecture == "released"
    inputs = x = keras.Input(input_shape, name="inputs")
    rate = _DEEP_FIRST_DROPOUT
    for stack in _DEEP_STACKS:
        for number, filters in enumerate(stack, start=1):
            x = layers.convolution(x, filters, 3)
            if released and number < len(stack):
                x = layers.dropout(x, rate)
                rate = _DEEP_LATER_DROPOUT
        x = layers.pool(x, 2)
    x = keras.layers.Flatten(name="flatten")(x)
    if released:
        x = layers.dropout(x, _DENSE_DROPOUT)
    x = layers.dense(x, 512)
    x = layers.dropout(x, _DENSE_DROPOUT)
    return keras.Model(inputs, layers.softmax(x, classes), name=name)


# Functions from a factor on the kernels and a seed to an initializer.
KERNEL_INITIALIZERS = {
    "glorot_uniform": lambda scale, seed: keras.initializers.VarianceScaling(
        scale**2, mode="fan_avg", distribution="uniform", seed=seed),
    "uniform_0.05": lambda scale, seed: keras.initializers.RandomUniform(-0.05 * scale, 0.05 * scale, seed=seed),
    "he_uniform": lambda scale, seed: keras.initializers.VarianceScaling(
        2 * scale**2, mode="fan_in", distribution="uniform", seed=seed),
}


class Layers:
    """Creates the layers of one network, with fixed names and seeds, and applies each to a symbolic tensor.

    Normalization and ReLU follow each dense or convolutional layer, in this order. As in the authors' code, the layer
    keeps its bias before the normalization. Biases start at zero.

    Args:
        statistics: The statistics that normalization uses in evaluation, "batch" or "moving".
        seeds: Iterable of integers, one for each kernel.
        dropout_seeds: Iterable of integers, one for each dropout layer.
        precision: Keras's dtype policy of all layers but the softmax layer, which computes in float32.
        dropout: Rate of all dropout layers; None (default) keeps the rates that the network asks for.
        kernel_initializer: One of `KERNEL_INITIALIZERS`.
        normalization_epsilon: Batch normalization's epsilon.
        kernel_scale: Factor on all initial kernels.
        normalized: Whether there is batch normalization.
    """

    def __init__(self, *, statistics, seeds, dropout_seeds=(), precision="float32", dropout=None,
                 kernel_initializer="glorot_uniform", normalization_epsilon=1e-3, kernel_scale=1.0, normalized=True):
        self._statistics = statistics
        self._dropout = dropout
        self._precision = precision
        self._kernel_initializer = functools.partial(KERNEL_INITIALIZERS[kernel_initializer], kernel_scale)
        self._normalized = normalized
        self._normalization_epsilon = normalization_epsilon
        self._seeds = iter(seeds)
        self._dropout_seeds = iter(dropout_seeds)
        self._counts = collections.Counter()

    def dense(self, x, units):
        """Applies a dense layer, normalization and ReLU."""
        return self._normalize_and_activate(keras.layers.Dense(
            units, kernel_initializer=self._initializer(), dtype=self._precision, name=self._name("dense"))(x))

    def convolution(self, x, filters, size, *, strides=1):
        """Applies a `size` x `size` convolution with padding "same", normalization and ReLU."""
        return self._normalize_and_activate(keras.layers.Conv2D(
            filters, size, strides=strides, padding="same", kernel_initializer=self._initializer(),
            dtype=self._precision, name=self._name("convolution"))(x))

    def pool(self, x, size):
        """Applies `size` x `size` max pooling with stride 2 and padding "same", which halves each side, rounded up."""
        return keras.layers.MaxPooling2D(size, strides=2, padding="same", dtype=self._precision,
                                         name=self._name("pool"))(x)

    def dropout(self, x, rate):
        """Applies dropout at `rate`, or at the rate that was given for all dropout layers."""
        rate = rate if self._dropout is None else self._dropout
        return keras.layers.Dropout(rate, seed=next(self._dropout_seeds), dtype=self._precision,
                                    name=self._name("dropout"))(x)

    def softmax(self, x, classes):
        """Applies the last layer, which returns class probabilities [batch, classes]."""
        return keras.layers.Dense(
            classes, activation="softmax", kernel_initializer=self._initializer(), dtype="float32", name="softmax")(x)

    def _normalize_and_activate(self, x):
        if self._normalized:
            x = BatchNormalization(statistics=self._statistics, epsilon=self._normalization_epsilon,
                                   dtype=self._precision, name=self._name("normalization"))(x)
        return keras.layers.ReLU(dtype=self._precision, name=self._name("relu"))(x)

    def _initializer(self):
        return self._kernel_initializer(seed=next(self._seeds))

    def _name(self, kind):
        # Keras's own names count all layers of the process, so that equal weights would make unequal files.
        self._counts[kind] += 1
        return f"{kind}{self._counts[kind]}"


@dataclasses.dataclass(frozen=True)
class Specification:
    """A network of table 1: the function that builds it and the shape in which the paper builds it.

    Attributes:
        builder: Function that builds the network.
        input_shape: Shape of one input, without the batch dimension.
        classes: Number of classes.
        architectures: Names of the architectures, the default first; empty if the network has only one.
        dropout: Whether the network has dropout layers.
    """

    builder: typing.Callable
    input_shape: tuple
    classes: int
    architectures: tuple = ()
    dropout: bool = False


SPECIFICATIONS = {
    "F1": Specification(functools.partial(fully_connected, hidden_layers=5), (784,), 10),
    "F2": Specification(functools.partial(fully_connected, hidden_layers=7), (360,), 1973),
    "C1": Specification(shallow, (32, 32, 3), 10, _ARCHITECTURES, dropout=True),
    "C2": Specification(deep, (32, 32, 3), 10, _ARCHITECTURES, dropout=True),
    "C3": Specification(shallow, (32, 32, 3), 100, _ARCHITECTURES, dropout=True),
    "C4": Specification(deep, (32, 32, 3), 100, _ARCHITECTURES, dropout=True),
}
