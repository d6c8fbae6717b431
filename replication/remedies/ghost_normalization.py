"""Ghost batch normalization (Hoffer et al., 2017): small parts of a large batch have statistics of their own."""

import dataclasses

from replication.fields import Search, whole
from replication.remedies.base import Remedy


@dataclasses.dataclass(frozen=True)
class GhostNormalization(Remedy):
    """Steps along the mean gradient of parts of the batch, each normalized by its own statistics.

    The step is that of the whole batch in everything else. The moving averages take the statistics of each part in
    turn, and each part draws its own dropout masks.
    """

    NAME = "ghost_normalization"
    # The parts are passed in a loop of TensorFlow's, over slices whose sizes vary.
    COMPILES = False

    examples: int = whole(256, "Largest number of examples in a part (the paper's SB: 256).", at_least=1,
                          search=Search(16, 512, log=True))

    @classmethod
    def listed(cls, small_batch, large_batch):
        return (cls(examples=small_batch),)

    def examples_at_once(self, batch_size):
        return min(self.examples, batch_size)

    def learn(self, model, inputs, labels):
        import tensorflow as tf

        weights = model.trainable_variables

        def compute(inputs, labels):
            with tf.GradientTape() as tape:
                outputs, loss = model.forward(inputs, labels)
                objective = model.optimizer.scale_loss(loss)
            return tape.gradient(objective, weights), loss, outputs

        gradients, loss, outputs = model.mean_over_parts(compute, inputs, labels, size=self.examples)
        model.optimizer.apply(gradients, weights)
        return model.log(loss, labels, outputs)
