"""The Keras model that a run is trained with: a network whose examples lie on its device."""

import keras
import tensorflow as tf

from replication.devices import OneDevice


class Examples:
    """The training and test set where they are computed on, chosen from by the numbers of their rows.

    Args:
        dataset: A `data.Data`.
        devices: Of the run, as `devices.devices` gives them; None for one.
    """

    def __init__(self, dataset, devices=None):
        self.devices = devices or OneDevice()
        splits = {"train": (dataset.train_inputs, dataset.train_labels),
                  "test": (dataset.test_inputs, dataset.test_labels)}
        self._sizes = {split: len(labels) for split, (_, labels) in splits.items()}
        self._splits = {split: [self.devices.to_device(array) for array in arrays] for split, arrays in splits.items()}

    def size(self, split):
        """Number of examples of "train" or "test"."""
        return self._sizes[split]

    def gather(self, rows):
        """Inputs and labels of a batch {split: int64 [batch]}, as the pipelines of `batches` give it."""
        (split, numbers), = rows.items()
        return tuple(tf.gather(self.devices.local_copy(placed), numbers) for placed in self._splits[split])

    def gather_part(self, split, numbers):
        """Within `devices.run`: inputs and labels of the device's part of a batch, int64 [batch]."""
        start, stop = self.devices.shard(tf.constant(0, tf.int64), tf.size(numbers, tf.int64))
        return self.gather({split: numbers[start:stop]})


class TrainingModel(keras.Model):
    """A network that `fit` and `evaluate` feed with the numbers of rows, not with the examples themselves.

    So the examples are copied to the device once, and on a processor not at all. A remedy is a subclass
    that overrides `learn`. A step that passes over its batch more than once makes the first pass by
    `forward` and the others by `forward_again`: batch normalization's moving averages are then those of
    the clean examples at the weights x, which evaluation meets, and all passes share their dropout masks,
    so that they see one and the same f_B.

    Args:
        network: A built functional `keras.Model`; its layers are shared.
        examples: `Examples`.
        remedy: The `remedies.Remedy` of the subclass; None for plain training.
        seed: Whole number that decides what a remedy draws at random.
    """

    def __init__(self, network, examples, remedy=None, *, seed=0):
        super().__init__(network.inputs, network.outputs)
        self._examples = examples
        self.remedy = remedy
        self.seed = seed

    def train_step(self, rows):
        return self.learn(*self._examples.gather(rows))

    def test_step(self, rows):
        return super().test_step(self._examples.gather(rows))

    def learn(self, inputs, labels):
        """One step on a batch; returns Keras's logs."""
        return super().train_step((inputs, labels))

    def state(self):
        """Moving averages and seeds as tensors, in the order of `non_trainable_variables`."""
        return [tf.identity(variable.value) for variable in self.non_trainable_variables]

    def forward(self, inputs, labels):
        """A pass in training mode.

        Returns:
            The class probabilities [batch, classes], and the mean loss of the batch, a scalar.
        """
        outputs = self(inputs, training=True)
        return outputs, self.compute_loss(y=labels, y_pred=outputs)

    def forward_again(self, inputs, labels, *, state, weights=None):
        """As `forward`, but from a given state, and without a trace in the model's own.

        Args:
            inputs, labels: A batch.
            state: What `state` returned before `forward`.
            weights: Tensors in the place of the trainable weights; None for the weights themselves.
        """
        outputs, _ = self.stateless_call(weights or self.trainable_variables, state, inputs, training=True)
        return outputs, self.compute_loss(y=labels, y_pred=outputs)

    def log(self, loss, labels, outputs):
        """Takes a batch into Keras's metrics and returns the logs.

        Args:
            loss: Mean loss of the batch, as the epoch's training loss shall report it.
            labels: Those of the batch.
            outputs: Class probabilities [batch, classes], for the accuracy.
        """
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=tf.shape(labels)[0])
        return self.compute_metrics(None, labels, outputs)
