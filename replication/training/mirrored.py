"""Training on several devices, each of which learns from a part of every batch."""

import functools

import keras
import tensorflow as tf

from models.normalization import batch_normalizations
from replication.training.model import TrainingModel


class MirroredModel(TrainingModel):
    """Steps along the gradient of the whole batch's mean loss, as one device does.

    Keras's `fit` is not told of the devices: it would drop the first batch of an epoch to build the model, and give the
    parts of a batch equal weights although their sizes differ. All devices draw the same dropout masks for their parts.

    Args:
        network: Built within the scope of `examples.devices`.
        examples, seed: The same as for `TrainingModel`.
    """

    def train_step(self, batch):
        return self._step(self._learn_part, batch)

    def test_step(self, batch):
        return self._step(self._evaluate_part, batch)

    def _step(self, function, batch):
        (split, indices), = batch.items()
        devices = self._examples.devices
        loss, outputs, labels = devices.run(functools.partial(function, split), indices)
        return self.log(devices.total(loss), devices.gather_rows(labels), devices.gather_rows(outputs))

    def _learn_part(self, split, indices):
        inputs, labels = self._examples.gather_part(split, indices)
        with tf.GradientTape() as tape:
            outputs = self(inputs, training=True)
            loss = _share_of_mean(labels, outputs, indices)
        # The optimizer adds up the gradients of all devices.
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return loss, outputs, labels

    def _evaluate_part(self, split, indices):
        inputs, labels = self._examples.gather_part(split, indices)
        outputs = self(inputs, training=False)
        return _share_of_mean(labels, outputs, indices), outputs, labels


def synchronize(network):
    """Makes every batch normalization of a network use the statistics of all devices."""
    for layer in batch_normalizations(network):
        layer.synchronized = True


def _share_of_mean(labels, outputs, indices):
    losses = keras.losses.sparse_categorical_crossentropy(labels, outputs)
    return tf.reduce_sum(losses) / tf.cast(tf.size(indices), losses.dtype)
