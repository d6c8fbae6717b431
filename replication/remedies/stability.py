"""Stability training (appendix E.3; Zheng et al., 2016): noise on the inputs should not change the outputs.

    f~(x) = f(x; u) + alpha KL(p(x; u) || p(x; u + noise)),    u the inputs, noise Gaussian
"""

import dataclasses

from replication.fields import Search, number
from replication.remedies.base import Remedy


@dataclasses.dataclass(frozen=True)
class Stability(Remedy):
    """Minimizes f~, the loss of the clean examples plus the weighted divergence; f~ is also the loss reported.

    The gradient goes through both outputs. Noisy images are not clipped: the noise would then have a mean.
    """

    NAME = "stability"
    # Through the outputs with and without noise.
    GRADIENTS = 2

    deviation: float = number(0.04, "Standard deviation of the noise on the inputs (the paper: not stated).",
                              at_least=0, search=Search(1e-2, 0.2, log=True))
    weight: float = number(
        0.01, "Weight of the divergence between the outputs with and without noise (the paper: not stated).",
        at_least=0, search=Search(1e-3, 1.0, log=True))

    def prepare(self, model):
        import keras

        model.noise = keras.random.SeedGenerator(model.seed)

    def examples_at_once(self, batch_size):
        # The clean and the noisy ones.
        return 2 * batch_size

    def learn(self, model, inputs, labels):
        import tensorflow as tf

        weights = model.trainable_variables
        state = model.state()
        # `keras.random.normal` draws the same numbers. Compiled by XLA for a processor, it takes thirty times as long,
        # because it leaves the choice of the algorithm to TensorFlow.
        noisy = inputs + tf.random.stateless_normal(
            tf.shape(inputs), tf.cast(model.noise.next(), tf.int32), stddev=self.deviation, dtype=inputs.dtype,
            alg="philox")
        with tf.GradientTape() as tape:
            outputs, loss = model.forward(inputs, labels)
            noisy_outputs, _ = model.forward_again(noisy, labels, state=state)
            loss += self.weight * divergence(outputs, noisy_outputs)
            objective = model.optimizer.scale_loss(loss)
        model.optimizer.apply(tape.gradient(objective, weights), weights)
        return model.log(loss, labels, outputs)


def divergence(outputs, noisy_outputs):
    """The mean of KL(p || q) over a batch of class probabilities p and q, each [batch, classes]."""
    import keras

    return keras.ops.mean(keras.losses.kl_divergence(outputs, noisy_outputs))
