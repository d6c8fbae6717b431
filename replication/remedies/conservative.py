"""Conservative training (appendix E.2): each batch's loss with a proximal term, minimized inexactly.

    x_{k+1} = argmin_x f_B(x) + lambda / 2 ||x - x_k||^2
"""

import dataclasses

from replication.fields import Search, number, whole
from replication.remedies.base import Remedy


@dataclasses.dataclass(frozen=True)
class Conservative(Remedy):
    """Takes some iterations of the run's optimizer on the proximal problem of each batch.

    The optimizer keeps its moments from batch to batch. Each iteration draws new dropout masks and updates the moving
    averages of batch normalization, as a step of plain training does. The loss reported is f_B(x_k).
    """

    NAME = "conservative"

    # In the first, x = x_k, so that the proximal term and its gradient are 0: one alone would be plain training.
    iterations: int = whole(3, "Iterations of the optimizer on each batch (the paper: 3).", at_least=2,
                            search=Search(2, 5))
    penalty: float = number(1e-3, "lambda, the weight of ||x - x_k||^2 / 2 (the paper: 1e-3).", at_least=0,
                            search=Search(1e-4, 1e-1, log=True))

    @classmethod
    def listed(cls, small_batch, large_batch):
        # Without the proximal term: as many updates on the same batches, so that their number explains no difference.
        return cls(), cls(penalty=0.0)

    @property
    def gradients(self):
        return self.iterations

    def learn(self, model, inputs, labels):
        import tensorflow as tf

        weights = model.trainable_variables
        center = [tf.identity(variable.value) for variable in weights]
        first = None
        for _ in range(self.iterations):
            with tf.GradientTape() as tape:
                outputs, loss = model.forward(inputs, labels)
                squares = [tf.reduce_sum(tf.square(x.value - x_k)) for x, x_k in zip(weights, center)]
                objective = model.optimizer.scale_loss(loss + self.penalty / 2 * tf.add_n(squares))
            model.optimizer.apply(tape.gradient(objective, weights), weights)
            first = first or (loss, outputs)
        loss, outputs = first
        return model.log(loss, labels, outputs)
