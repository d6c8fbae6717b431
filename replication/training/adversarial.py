"""Adversarial training (appendix E.3) with the fast gradient sign of Goodfellow et al. (2014).

    f~(x) = alpha f(x; u) + (1 - alpha) f(x; u + epsilon sign(grad_u f(x; u))),    u the inputs
"""

import tensorflow as tf

from replication.training.model import TrainingModel


class AdversarialModel(TrainingModel):
    """Minimizes the loss of the examples and of their perturbed copies, f~; f~ is the loss reported.

    The perturbed inputs are constants in the gradient, as the sign has none. Each half of a batch is
    normalized by its own statistics. Perturbed images are clipped to [0, 1], the range of all pixels here;
    other inputs have no range.

    Args:
        network, examples, seed: As in `TrainingModel`.
        remedy: A `remedies.Adversarial`.
    """

    def learn(self, inputs, labels):
        weights, share = self.trainable_variables, self.remedy.clean_share
        state = self.state()
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs, clean_loss = self.forward(inputs, labels)
            objective = self.optimizer.scale_loss(clean_loss)
        clean, slope = tape.gradient(objective, (weights, inputs))
        perturbed = self.perturb(inputs, slope)
        with tf.GradientTape() as tape:
            _, perturbed_loss = self.forward_again(perturbed, labels, state=state)
            objective = self.optimizer.scale_loss(perturbed_loss)
        adversarial = tape.gradient(objective, weights)
        self.optimizer.apply([share * c + (1 - share) * a for c, a in zip(clean, adversarial)], weights)
        return self.log(share * clean_loss + (1 - share) * perturbed_loss, labels, outputs)

    def perturb(self, inputs, slope):
        """u + epsilon sign(slope), in [0, 1] where u are images [batch, height, width, channels]."""
        perturbed = inputs + self.remedy.epsilon * tf.sign(slope)
        return tf.clip_by_value(perturbed, 0, 1) if len(inputs.shape) == 4 else perturbed
