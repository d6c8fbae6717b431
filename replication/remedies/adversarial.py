"""Adversarial training (appendix E.3) with the fast gradient sign of Goodfellow et al. (2014).

    f~(x) = alpha f(x; u) + (1 - alpha) f(x; u + epsilon sign(grad_u f(x; u))),    u the inputs
"""

import dataclasses

from replication.fields import Search, number
from replication.remedies.base import Remedy


@dataclasses.dataclass(frozen=True)
class Adversarial(Remedy):
    """Minimizes f~, the loss of the examples and of their perturbed copies; f~ is also the loss reported.

    The perturbed inputs are constants in the gradient, because the sign has none. Each half of a batch is normalized by
    its own statistics.
    """

    NAME = "adversarial"
    # At the clean inputs, with respect to weights and inputs, and at the perturbed ones.
    GRADIENTS = 2

    epsilon: float = number(0.1, "Size of the perturbation of each input (the paper: not stated).", at_least=0,
                            search=Search(1e-2, 0.3, log=True))
    clean_share: float = number(0.5, "Weight of the loss of the clean examples (Goodfellow et al.: 0.5).", at_least=0,
                                at_most=1, search=Search(0.1, 0.9))

    def learn(self, model, inputs, labels):
        import tensorflow as tf

        weights, share = model.trainable_variables, self.clean_share
        state = model.state()
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs, clean_loss = model.forward(inputs, labels)
            objective = model.optimizer.scale_loss(clean_loss)
        clean, input_gradient = tape.gradient(objective, (weights, inputs))
        with tf.GradientTape() as tape:
            _, perturbed_loss = model.forward_again(self.perturb(inputs, input_gradient), labels, state=state)
            objective = model.optimizer.scale_loss(perturbed_loss)
        perturbed = tape.gradient(objective, weights)
        model.optimizer.apply([share * c + (1 - share) * p for c, p in zip(clean, perturbed)], weights)
        return model.log(share * clean_loss + (1 - share) * perturbed_loss, labels, outputs)

    def perturb(self, inputs, gradient):
        """u + epsilon sign(gradient); images [batch, height, width, channels] are clipped to [0, 1], their range."""
        import tensorflow as tf

        # In float16 the gradient may overflow. The perturbed loss stays finite, and the clean gradient skips the step.
        sign = tf.where(tf.math.is_finite(gradient), tf.sign(gradient), 0)
        perturbed = inputs + self.epsilon * sign
        return tf.clip_by_value(perturbed, 0, 1) if len(inputs.shape) == 4 else perturbed
