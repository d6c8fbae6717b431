"""Products with the Hessian by forward over backward differentiation, the peer of `Objective.hessian_product`."""

import itertools

import keras
import numpy as np
import tensorflow as tf

from replication import data
from replication.sharpness import tracing


class ForwardOverBackward:
    """Multiplies the Hessian of f by directions, f as that of an `Objective` with cross-entropy.

    Args:
        model: A built `keras.Model` that normalizes by the statistics of the batch and returns probabilities.
        inputs: Inputs, float32 [M, ...].
        labels: Class numbers [M].
        batch_size: Upper bound of a batch.
    """

    def __init__(self, model, inputs, labels, *, batch_size):
        self._model = model
        order, bounds = data.partition(len(labels), batch_size)
        self._inputs, self._labels = tf.constant(inputs[order]), tf.constant(labels[order])
        self._bounds = bounds.tolist()
        row = tf.TensorSpec([], tf.int32)
        self._product_of_batch = tracing.trace(
            self._product, row, row, [tf.TensorSpec(v.shape, v.dtype) for v in model.trainable_variables])

    def product(self, direction):
        """Returns the product of the Hessian at the model's weights with a direction, both float64 [n]."""
        variables = self._model.trainable_variables
        parts = np.split(direction, np.cumsum([v.shape.num_elements() for v in variables])[:-1])
        tangents = [tf.constant(part.reshape(v.shape), v.dtype) for v, part in zip(variables, parts)]
        total = 0.0
        for start, stop in itertools.pairwise(self._bounds):
            total = total + self._product_of_batch(tf.constant(start), tf.constant(stop), tangents)
        return total.numpy() / self._bounds[-1]

    def _product(self, start, stop, tangents):
        values = [v.value for v in self._model.trainable_variables]
        with tf.autodiff.ForwardAccumulator(values, tangents) as accumulator, tracing.twice_differentiable():
            with tf.GradientTape() as tape:
                outputs = self._model(self._inputs[start:stop], training=False)
                loss = tf.reduce_sum(keras.losses.sparse_categorical_crossentropy(self._labels[start:stop], outputs))
            gradients = tape.gradient(loss, values)
        products = [accumulator.jvp(gradient, unconnected_gradients="zero") for gradient in gradients]
        return tf.concat([tf.cast(tf.reshape(each, [-1]), tf.float64) for each in products], axis=0)
