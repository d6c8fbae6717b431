"""Stability training (appendix E.3; Zheng et al., 2016): outputs shall not change by noise on the inputs.

    f~(x) = f(x; u) + alpha KL(p(x; u) || p(x; u + noise)),    u the inputs, noise Gaussian
"""

import keras
import tensorflow as tf

from replication.training.model import TrainingModel


class StabilityModel(TrainingModel):
    """Minimizes the loss of the clean examples plus the weighted divergence, f~; f~ is the loss reported.

    The gradient goes through both outputs. Noisy images are not clipped, or the noise would have a mean.

    Args:
        network, examples, seed: As in `TrainingModel`. The generator of the noise is part of the model's
            variables, so that a resumed run goes on in its sequence.
        remedy: A `remedies.Stability`.
    """

    def __init__(self, network, examples, remedy, *, seed):
        super().__init__(network, examples, remedy, seed=seed)
        self._noise = keras.random.SeedGenerator(self.seed)

    def learn(self, inputs, labels):
        weights = self.trainable_variables
        state = self.state()
        noisy = inputs + keras.random.normal(tf.shape(inputs), stddev=self.remedy.deviation, dtype=inputs.dtype,
                                             seed=self._noise)
        with tf.GradientTape() as tape:
            outputs, loss = self.forward(inputs, labels)
            noisy_outputs, _ = self.forward_again(noisy, labels, state=state)
            loss += self.remedy.weight * divergence(outputs, noisy_outputs)
            objective = self.optimizer.scale_loss(loss)
        self.optimizer.apply(tape.gradient(objective, weights), weights)
        return self.log(loss, labels, outputs)


def divergence(outputs, noisy_outputs):
    """KL(p || q), the mean over a batch of class probabilities p and q, each [batch, classes]."""
    return tf.reduce_mean(keras.losses.kl_divergence(outputs, noisy_outputs))
