"""The layers that the networks of table 1 are made of: named, seeded and normalized alike."""

import collections

import keras

from models.normalization import BatchNormalization


class Layers:
    """Makes the layers of one network, each applied to a symbolic tensor.

    A dense or convolutional layer is followed by normalization and ReLU, in this order, its bias kept
    in front of the normalization as in the authors' code. Kernels start Glorot uniform, biases at zero.

    Args:
        statistics: As in `BatchNormalization`.
        seeds: Iterable of integers, one for each kernel.
        dropout_seeds: Iterable of integers, one for each dropout.
        precision: Keras's dtype policy of all layers but the softmax, which computes in float32.
        dropout: Rate of every dropout; None for the rates that the network asks for.
    """

    def __init__(self, *, statistics, seeds, dropout_seeds=(), precision="float32", dropout=None):
        self._statistics = statistics
        self._dropout = dropout
        self._precision = precision
        self._seeds = iter(seeds)
        self._dropout_seeds = iter(dropout_seeds)
        self._numbers = collections.Counter()

    def dense(self, x, units):
        """Dense, normalization, ReLU."""
        return self._activated(keras.layers.Dense(
            units, kernel_initializer=self._glorot(), dtype=self._precision, name=self._name("dense"))(x))

    def convolution(self, x, filters, size, *, strides=1):
        """Convolution of `size` x `size` padded with zeros ("same"), normalization, ReLU."""
        return self._activated(keras.layers.Conv2D(
            filters, size, strides=strides, padding="same", kernel_initializer=self._glorot(),
            dtype=self._precision, name=self._name("convolution"))(x))

    def pool(self, x, size):
        """The maximum of `size` x `size`, with stride 2 and padding "same": sides are halved, rounded up."""
        return keras.layers.MaxPooling2D(size, strides=2, padding="same", dtype=self._precision,
                                         name=self._name("pool"))(x)

    def dropout(self, x, rate):
        """Dropout of a share `rate`, or of the one given for all; off in evaluation."""
        rate = rate if self._dropout is None else self._dropout
        return keras.layers.Dropout(rate, seed=next(self._dropout_seeds), dtype=self._precision,
                                    name=self._name("dropout"))(x)

    def softmax(self, x, classes):
        """The class probabilities, [batch, classes]."""
        return keras.layers.Dense(
            classes, activation="softmax", kernel_initializer=self._glorot(), dtype="float32", name="softmax")(x)

    def _activated(self, x):
        x = BatchNormalization(statistics=self._statistics, dtype=self._precision, name=self._name("normalization"))(x)
        return keras.layers.ReLU(dtype=self._precision, name=self._name("relu"))(x)

    def _glorot(self):
        return keras.initializers.GlorotUniform(seed=next(self._seeds))

    def _name(self, kind):
        # Keras's own names count what else the process has built: equal weights would make unequal files.
        self._numbers[kind] += 1
        return f"{kind}{self._numbers[kind]}"
