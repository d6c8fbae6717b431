"""Conservative training (appendix E.2): each batch moves the weights only as far as it is worth.

    x_{k+1} = argmin_x f_B(x) + lambda / 2 ||x - x_k||^2
"""

import tensorflow as tf

from replication.training.model import TrainingModel


class ConservativeModel(TrainingModel):
    """Solves the proximal problem of each batch by some iterations of the run's optimizer.

    The optimizer's moments go on from one batch to the next; each iteration draws new dropout masks and
    moves batch normalization's averages, as a step of plain training does. The loss reported is f_B(x_k).

    Args:
        network, examples, seed: As in `TrainingModel`.
        remedy: A `remedies.Conservative`.
    """

    def learn(self, inputs, labels):
        weights = self.trainable_variables
        center = [tf.identity(variable.value) for variable in weights]
        first = None
        for _ in range(self.remedy.iterations):
            with tf.GradientTape() as tape:
                outputs, loss = self.forward(inputs, labels)
                objective = self.optimizer.scale_loss(loss + self.proximal_term(center))
            self.optimizer.apply(tape.gradient(objective, weights), weights)
            first = first or (loss, outputs)
        loss, outputs = first
        return self.log(loss, labels, outputs)

    def proximal_term(self, center):
        """lambda / 2 ||x - x_k||^2, a scalar; `center` is x_k, a list of tensors like the trainable weights."""
        squares = [tf.reduce_sum(tf.square(variable.value - start))
                   for variable, start in zip(self.trainable_variables, center)]
        return self.remedy.penalty / 2 * tf.add_n(squares)
