"""Accuracy and loss under attacks on the inputs: the fast gradient sign, and projected steps along it.

Goodfellow et al. (2014) take one step of the sign of the gradient with respect to the inputs, as long as the radius.
Madry et al. (2018) take several shorter ones from a random point, each back into the box around the input.
"""

import itertools

import numpy as np
import tensorflow as tf

from models.normalization import normalization_statistics
from replication import memory
from replication.configuration import STATISTICS
from replication.data import partition
from replication.devices import full_precision
from replication.errors import require, require_name
from replication.sharpness import tracing
from replication.sharpness.classes import class_labels, cross_entropy, number_right

# The length of a step, in radii divided by the number of steps (Madry et al., 2018).
_STEP = 2.5
# Examples on which the outputs are looked at.
_FEW = 32


class Attacks:
    """Attacks on a classifier over a data set, in equal batches of a fixed random partition.

    With the statistics of the batch, an attack moves all inputs of a batch together, and its gradient knows of the
    statistics. Images, inputs of rank 3, stay in [0, 1].

    Args:
        model: A built `keras.Model` that returns class probabilities.
        inputs, labels: Arrays [N, ...] and class numbers [N].
        statistics: Statistics that every batch normalization uses, "batch" or "moving".
        batch_size: Upper bound of a batch.
        seed: Seed of the random points from which attacks of several steps begin.

    Raises:
        UserError: the outputs are no probabilities, the labels do not fit them, or images are not in [0, 1].
    """

    def __init__(self, model, inputs, labels, *, statistics, batch_size, seed=0):
        require_name("statistics", statistics, STATISTICS)
        self._model = model
        self._inputs = np.asarray(inputs, np.float32)
        require(self._inputs.ndim != 4 or self._inputs.min() >= 0 and self._inputs.max() <= 1, "inputs",
                [float(self._inputs.min()), float(self._inputs.max())], "images with values in [0, 1]")
        with normalization_statistics(model, statistics):
            outputs = np.asarray(tracing.evaluate(model, self._inputs[:_FEW]))
        self._labels = class_labels(model, np.asarray(labels), outputs, from_logits=False)
        require(self._labels.ndim == 1, "labels", list(self._labels.shape), "class numbers [N]")
        self._statistics = statistics
        self._seed = seed
        order, bounds = partition(len(labels), batch_size)
        self._batches = [order[start:stop] for start, stop in itertools.pairwise(bounds.tolist())]
        batch = tf.TensorSpec([None, *self._inputs.shape[1:]], tf.float32)
        targets, number = tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.float32)
        with normalization_statistics(model, statistics):
            self._evaluate = tracing.trace(self._loss_and_hits, batch, targets)
            self._move = tracing.trace(self._step, batch, batch, targets, number, number)

    def clean(self):
        """Returns the mean cross-entropy and the accuracy, a share, without an attack."""
        return self._mean(lambda inputs, labels, generator: inputs)

    def single_step(self, radius):
        """Returns the same after one step of the gradient's sign.

        Args:
            radius: The largest change of an input.
        """
        return self._mean(lambda inputs, labels, generator: self._move(
            inputs, inputs, labels, tf.constant(radius, tf.float32), tf.constant(radius, tf.float32))[0])

    def steps(self, radius, number):
        """Returns the same after several steps from a random point of the box around the inputs."""
        def attack(inputs, labels, generator):
            *_, (moved, _) = self._several(inputs, labels, radius, number, generator)
            return moved

        return self._mean(attack)

    def largest_loss(self, radius, number):
        """Returns the largest mean cross-entropy that attacks find in the box around the inputs.

        It is that of each batch where its own is largest: at the inputs, after one step, and before and after each of
        several steps from a random point.

        Args:
            radius, number: See `steps`.
        """
        generator, total = np.random.default_rng(self._seed), 0.0
        with full_precision(), self._fitting():
            for rows in self._batches:
                inputs, labels = self._batch(rows)
                radii = tf.constant(radius, tf.float32)
                moved, at_inputs = self._move(inputs, inputs, labels, radii, radii)
                losses = [at_inputs, self._evaluate(moved, labels)[0]]
                several = list(self._several(inputs, labels, radius, number, generator))
                losses += [loss for _, loss in several]
                losses.append(self._evaluate(several[-1][0], labels)[0])
                # A loss that is not a number stays one.
                total += np.max([float(loss) for loss in losses])
        return total / len(self._labels)

    def _several(self, inputs, labels, radius, number, generator):
        """Yields the inputs after each of several steps, and the loss before it."""
        moved = _in_range(inputs + tf.constant(generator.uniform(-radius, radius, inputs.shape), tf.float32))
        for _ in range(number):
            moved, loss = self._move(moved, inputs, labels, tf.constant(_STEP * radius / number, tf.float32),
                                     tf.constant(radius, tf.float32))
            yield moved, loss

    def _fitting(self):
        """A block whose passes must fit into memory."""
        return memory.guard(self._model, max(map(len, self._batches)))

    def _batch(self, rows):
        return tf.constant(self._inputs[rows]), tf.constant(self._labels[rows])

    def _mean(self, attack):
        generator, totals = np.random.default_rng(self._seed), np.zeros(2)
        with full_precision(), self._fitting():
            for rows in self._batches:
                inputs, labels = self._batch(rows)
                totals += [float(each) for each in self._evaluate(attack(inputs, labels, generator), labels)]
        return tuple((totals / len(self._labels)).tolist())

    def _loss_and_hits(self, inputs, labels):
        with tracing.Evaluation():
            outputs = self._model(inputs, training=False)
        losses = cross_entropy(labels, outputs, from_logits=False)
        return tf.reduce_sum(tf.cast(losses, tf.float64)), number_right(labels, outputs)

    def _step(self, moved, inputs, labels, length, radius):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(moved)
            loss, _ = self._loss_and_hits(moved, labels)
        moved = moved + length * tf.sign(tape.gradient(loss, moved))
        return _in_range(tf.clip_by_value(moved, inputs - radius, inputs + radius)), loss


def _in_range(inputs):
    """Returns inputs [batch, ...], clipped to [0, 1] if they are images, which have rank 4."""
    return tf.clip_by_value(inputs, 0, 1) if inputs.shape.rank == 4 else inputs
