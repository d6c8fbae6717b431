"""What a small batch has and a large one lacks, added to a large batch one by one: step length, noise, statistics.

    rate = r B / b  (linear)    or    r sqrt(B / b)  (sqrt)
    g    = grad (1/B) sum_i w_i f_i,    w_i ~ N(1, B / b - 1)

r is the run's learning rate, B its batch size, and b the small batch size. g has the mean of the large batch's gradient
and, if the examples are drawn with replacement, the covariance of the small batch's plus (1/b - 1/B) times the square
of that mean, which is small near a minimizer (Wu et al., 2020).
"""

import dataclasses

from replication.fields import Search, boolean, number, one_of, whole
from replication.remedies.base import Remedy
from replication.remedies.learning_rate_scaling import LearningRateScaling


@dataclasses.dataclass(frozen=True)
class Imitation(Remedy):
    """Plain training with any of the three; the loss reported is that of the batch, without the random weights.

    Statistics of the small batch are those of ghost batch normalization: the batch is passed in parts of at most b
    examples, each normalized by its own statistics.
    """

    NAME = "imitation"
    USED_WITH = {"warmup_epochs": ("rule", ("sqrt", "linear"))}
    ESSENTIAL = ("rule", "noise", "ghost")

    rule: str = one_of(("none", "sqrt", "linear"), "none", "How the learning rate grows with the batch size.",
                       search=True)
    warmup_epochs: float = number(0.0, "Epochs over which the learning rate rises.", at_least=0,
                                  search=Search(0.0, 10.0))
    noise: bool = boolean(False, "Weight the examples at random, for the gradient noise of the small batch.",
                          search=True)
    ghost: bool = boolean(False, "Normalize parts of the batch, each by its own statistics.", search=True)
    small_batch: int = whole(256, "b, the small batch size (the paper's SB: 256).", at_least=1,
                             search=Search(16, 256, log=True))

    @property
    def compiles(self):
        # Parts are passed in a loop of TensorFlow's, over slices whose sizes vary.
        return not self.ghost

    @classmethod
    def listed(cls, small_batch, large_batch):
        # They have a table of their own, `origins`.
        return ()

    def learning_rate(self, run, examples):
        if self.rule == "none":
            return run.learning_rate
        return LearningRateScaling(rule=self.rule, small_batch=self.small_batch,
                                   warmup_epochs=self.warmup_epochs).learning_rate(run, examples)

    def prepare(self, model):
        import keras

        if self.noise:
            model.noise_seeds = keras.random.SeedGenerator(model.seed)

    def examples_at_once(self, batch_size):
        return min(self.small_batch, batch_size) if self.ghost else batch_size

    def learn(self, model, inputs, labels):
        import keras
        import tensorflow as tf

        # B / b - 1, of the batch's own size: the last one of an epoch may be smaller.
        variance = tf.nn.relu(tf.cast(tf.shape(labels)[0], tf.float32) / self.small_batch - 1)

        def compute(inputs, labels):
            with tf.GradientTape() as tape:
                outputs, loss = model.forward(inputs, labels)
                objective = loss
                if self.noise:
                    draws = keras.random.normal(tf.shape(labels), seed=model.noise_seeds)
                    objective = model.compute_loss(y=labels, y_pred=outputs,
                                                   sample_weight=1 + tf.sqrt(variance) * draws)
                objective = model.optimizer.scale_loss(objective)
            return tape.gradient(objective, model.trainable_variables), loss, outputs

        gradients, loss, outputs = (model.mean_over_parts(compute, inputs, labels, size=self.small_batch)
                                    if self.ghost else compute(inputs, labels))
        model.optimizer.apply(gradients, model.trainable_variables)
        return model.log(loss, labels, outputs)
