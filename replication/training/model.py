"""The Keras models that train a network, on one device or on several."""

import keras
import tensorflow as tf

from models.normalization import batch_normalizations
from replication.remedies import Remedy
from replication.weights import build_network


class TrainingModel(keras.Model):
    """A network that `fit` and `evaluate` feed with indices of examples instead of examples.

    The examples are thus copied to the device once, and on a processor not at all.

    The run's remedy takes the training steps. A step that passes over its batch more than once makes the first pass by
    `forward` and the others by `forward_again`. Batch normalization's moving averages are then those of the clean
    examples at the weights x, which evaluation needs, and all passes share their dropout masks: they evaluate the same
    f_B.

    Args:
        network: A built functional `keras.Model`, with which the model shares its layers.
        examples: `Examples`.
        remedy: A `remedies.Remedy`; None for plain training.
        seed: Whole number that decides what the remedy draws at random.
    """

    def __init__(self, network, examples, remedy=None, *, seed=0):
        super().__init__(network.inputs, network.outputs)
        self._examples = examples
        self._call_network = network.call
        self.remedy = remedy or Remedy()
        self.seed = seed
        self.remedy.prepare(self)

    def call(self, inputs, training=None, mask=None):
        # The network may recompute activations, which the graph of its layers does not.
        return self._call_network(inputs, training=training, mask=mask)

    def train_step(self, batch):
        return self.remedy.learn(self, *self._examples.gather(batch))

    def test_step(self, batch):
        return super().test_step(self._examples.gather(batch))

    def plain_step(self, inputs, labels):
        """Takes one step of plain training on a batch and returns Keras's logs."""
        return super().train_step((inputs, labels))

    def state(self):
        """Moving averages and seeds as tensors, in the order of `non_trainable_variables`."""
        return [tf.identity(variable.value) for variable in self.non_trainable_variables]

    def forward(self, inputs, labels):
        """Passes over a batch in training mode.

        Returns:
            The class probabilities [batch, classes], and the mean loss of the batch, a scalar.
        """
        outputs = self(inputs, training=True)
        return outputs, self.compute_loss(y=labels, y_pred=outputs)

    def forward_again(self, inputs, labels, *, state, weights=None):
        """Passes over a batch in training mode from a given state; the state of the model does not change.

        Args:
            inputs, labels: The batch.
            state: The value of `state()` before `forward`.
            weights: Tensors that replace the trainable weights; None for the weights themselves.

        Returns:
            The same as `forward`.
        """
        outputs, _ = self.stateless_call(weights or self.trainable_variables, state, inputs, training=True)
        return outputs, self.compute_loss(y=labels, y_pred=outputs)

    def mean_over_parts(self, compute, inputs, labels, *, size):
        """Computes gradients of the parts of a batch, one after the other, and averages them over its examples.

        Args:
            compute: Function from the inputs and labels of a part to gradients of the weights, a scalar loss and
                outputs [part, classes].
            inputs, labels: The batch.
            size: Largest number of examples in a part; the batch is split as evenly as possible.

        Returns:
            The mean gradients and the mean loss of the batch, and the outputs of all its examples.
        """
        total = tf.shape(labels)[0]
        # Not (total + size - 1) // size, which overflows for a size near the largest integer.
        number = (total - 1) // size + 1

        def add(part, gradients, loss, outputs):
            rows = slice(first_row(part, total, number), first_row(part + 1, total, number))
            share = tf.cast(tf.shape(labels[rows])[0], tf.float32) / tf.cast(total, tf.float32)
            found, part_loss, part_outputs = compute(inputs[rows], labels[rows])
            gradients = [mean + tf.cast(share, g.dtype) * g for mean, g in zip(gradients, found)]
            return (part + 1, gradients, loss + tf.cast(share, loss.dtype) * tf.cast(part_loss, loss.dtype),
                    outputs.write(part, part_outputs))

        classes = self.outputs[0].shape[-1]
        _, gradients, loss, outputs = tf.while_loop(lambda part, *_: part < number, add, (
            tf.constant(0), [tf.zeros(v.shape, v.dtype) for v in self.trainable_variables], tf.constant(0.0),
            tf.TensorArray(self.outputs[0].dtype, number, infer_shape=False, element_shape=[None, classes])),
            parallel_iterations=1)
        return gradients, loss, outputs.concat()

    def log(self, loss, labels, outputs):
        """Updates Keras's metrics with a batch and returns the logs.

        Args:
            loss: Mean loss of the batch, for the training loss of the epoch.
            labels: int32 [batch].
            outputs: Class probabilities [batch, classes], for the accuracy.
        """
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=tf.shape(labels)[0])
        return self.compute_metrics(None, labels, outputs)


def first_row(part, total, number):
    """The row at which a part begins if `total` rows are split into `number` parts as evenly as possible."""
    # The product of two numbers of examples may exceed 32 bits.
    part, total, number = (tf.cast(value, tf.int64) for value in (part, total, number))
    return part * total // number


class MirroredModel(TrainingModel):
    """Steps along the gradient of the whole batch's mean loss, as one device does.

    Keras's `fit` is not told of the devices: it would drop the first batch of an epoch to build the model, and give the
    parts of a batch equal weights although their sizes differ. All devices draw the same dropout masks for their parts.

    Args:
        network: Built within the scope of `examples.devices`.
        examples, seed: The same as for `TrainingModel`.
        loss: Function from labels and outputs to the losses [batch]; None for the cross-entropy.
    """

    def __init__(self, network, examples, remedy=None, *, seed=0, loss=None):
        super().__init__(network, examples, remedy, seed=seed)
        self._loss_of_each = loss or keras.losses.sparse_categorical_crossentropy

    def train_step(self, batch):
        return self._step(self._learn_part, batch)

    def test_step(self, batch):
        return self._step(self._evaluate_part, batch)

    def _step(self, function, batch):
        devices = self._examples.devices
        loss, outputs, labels = devices.run(function, batch)
        return self.log(devices.total(loss), devices.gather_rows(labels), devices.gather_rows(outputs))

    def _learn_part(self, batch):
        inputs, labels = self._examples.gather_part(batch)
        with tf.GradientTape() as tape:
            outputs = self(inputs, training=True)
            loss = self._share_of_mean(labels, outputs, batch)
        # The optimizer adds up the gradients of all devices.
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return loss, outputs, labels

    def _evaluate_part(self, batch):
        inputs, labels = self._examples.gather_part(batch)
        outputs = self(inputs, training=False)
        return self._share_of_mean(labels, outputs, batch), outputs, labels

    def _share_of_mean(self, labels, outputs, batch):
        losses = self._loss_of_each(labels, outputs)
        return tf.reduce_sum(losses) / tf.cast(tf.size(batch["indices"]), losses.dtype)


def synchronize(network):
    """Makes every batch normalization of a network use the statistics of all devices."""
    for layer in batch_normalizations(network):
        layer.synchronized = True


def place_network(run, devices, statistics):
    """Builds the network of a run on its devices.

    Args:
        run: A `configuration.Run`.
        devices: Its devices, as `devices.devices` returns them.
        statistics: "batch" or "moving", those of batch normalization.

    Returns:
        A built `keras.Model` with the weights x_0 of the run's trial.
    """
    with devices.scope():
        network = build_network(run, statistics=statistics)
    if run.distribution is not None and run.distribution.synchronized:
        synchronize(network)
    return network
