"""Sharpness-aware minimization (Foret et al., 2021), in the ball of fixed radius or in ASAM's.

    min_x max_{||d|| <= rho} f_B(x + d),    d = rho g / ||g||,    g = grad f_B(x)
    ASAM (Kwon et al., 2021):               d = rho T^2 g / ||T g||,    T = diag |x|
"""

import tensorflow as tf

from replication.training.model import TrainingModel


class SharpnessAwareModel(TrainingModel):
    """Steps from x along the gradient at x + d; the loss reported is f_B(x).

    x + d are tensors in the place of the weights: the weights themselves never move there and need not be
    restored. Both gradients are scaled alike in mixed_float16: d does not depend on the scale, and
    where the first gradient overflows the second is NaN, and Keras's LossScaleOptimizer skips the step.

    Args:
        network, examples, seed: As in `TrainingModel`.
        remedy: A `remedies.SharpnessAware`.
    """

    def learn(self, inputs, labels):
        weights = self.trainable_variables
        state = self.state()
        with tf.GradientTape() as tape:
            outputs, loss = self.forward(inputs, labels)
            objective = self.optimizer.scale_loss(loss)
        values = [tf.identity(variable.value) for variable in weights]
        steps = perturbation(tape.gradient(objective, weights), values, rho=self.remedy.rho,
                             adaptive=self.remedy.adaptive)
        moved = [value + step for value, step in zip(values, steps)]
        with tf.GradientTape() as tape:
            tape.watch(moved)
            _, moved_loss = self.forward_again(inputs, labels, state=state, weights=moved)
            objective = self.optimizer.scale_loss(moved_loss)
        self.optimizer.apply(tape.gradient(objective, moved), weights)
        return self.log(loss, labels, outputs)


def perturbation(gradients, weights, *, rho, adaptive):
    """d, a list of tensors like the weights; 0 where the gradient is 0 throughout.

    Args:
        gradients, weights: g and x, lists of tensors.
        rho, adaptive: As in `remedies.SharpnessAware`.
    """
    scales = [tf.abs(x) if adaptive else tf.ones_like(x) for x in weights]
    scaled = [t * g for t, g in zip(scales, gradients)]
    factor = tf.math.divide_no_nan(rho, tf.linalg.global_norm(scaled))
    return [factor * t * s for t, s in zip(scales, scaled)]
