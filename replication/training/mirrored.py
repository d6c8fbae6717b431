"""Training divided between several devices, each of which learns from a part of every batch."""

import functools

import keras
import tensorflow as tf

from models.normalization import batch_normalizations
from replication.training.model import TrainingModel


class MirroredModel(TrainingModel):
    """Steps along the gradient of the whole batch's mean loss, which is that of one device.

    Keras's `fit` sees one device: it would drop the first batch of an epoch for building the model, and weigh the
    parts of a batch alike where they are not of one size. All devices draw the same dropout masks for their parts.

    Args:
        network: Built within the scope of `examples.devices`.
        examples, seed: As in `TrainingModel`.
    """

    def train_step(self, rows):
        (split, numbers), = rows.items()
        loss, outputs, labels = self._examples.devices.run(functools.partial(self._learn_part, split), numbers)
        return self._log(loss, outputs, labels)

    def test_step(self, rows):
        (split, numbers), = rows.items()
        loss, outputs, labels = self._examples.devices.run(functools.partial(self._evaluate_part, split), numbers)
        return self._log(loss, outputs, labels)

    def _learn_part(self, split, numbers):
        inputs, labels = self._examples.gather_part(split, numbers)
        with tf.GradientTape() as tape:
            outputs = self(inputs, training=True)
            loss = _share_of_mean(labels, outputs, numbers)
        # The optimizer adds up the gradients of all devices.
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return loss, outputs, labels

    def _evaluate_part(self, split, numbers):
        inputs, labels = self._examples.gather_part(split, numbers)
        outputs = self(inputs, training=False)
        return _share_of_mean(labels, outputs, numbers), outputs, labels

    def _log(self, loss, outputs, labels):
        devices = self._examples.devices
        return self.log(devices.total(loss), devices.gather_rows(labels), devices.gather_rows(outputs))


def synchronize(network):
    """Has the batch normalizations of a network take their statistics over the parts of all devices."""
    for layer in batch_normalizations(network):
        layer.synchronized = True


def _share_of_mean(labels, outputs, numbers):
    losses = keras.losses.sparse_categorical_crossentropy(labels, outputs)
    return tf.reduce_sum(losses) / tf.cast(tf.size(numbers), losses.dtype)
