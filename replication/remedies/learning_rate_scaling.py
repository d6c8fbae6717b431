"""A learning rate scaled with the batch size, after a warm-up (Goyal et al., 2017; Krizhevsky, 2014).

    rate = r B / b  (linear)    or    r sqrt(B / b)  (sqrt)

r is the run's learning rate, B its batch size, and b the small batch size to which r belongs.
"""

import dataclasses
import math

from replication.fields import Search, number, one_of, whole
from replication.remedies.base import Remedy


@dataclasses.dataclass(frozen=True)
class LearningRateScaling(Remedy):
    """Plain training whose learning rate rises linearly, step by step, from the run's to the scaled one, and stays."""

    NAME = "learning_rate_scaling"

    rule: str = one_of(("linear", "sqrt"), "sqrt",
                       "linear: in proportion to the batch size; sqrt: to its square root.", search=True)
    small_batch: int = whole(256, "Batch size at which the learning rate is the run's (the paper's SB: 256).",
                             at_least=1, search=Search(16, 256, log=True))
    warmup_epochs: float = number(5.0, "Epochs over which the learning rate rises.", at_least=0,
                                  search=Search(0.0, 10.0))

    @classmethod
    def listed(cls, small_batch, large_batch):
        return cls(rule="linear", small_batch=small_batch), cls(rule="sqrt", small_batch=small_batch)

    def learning_rate(self, run, examples):
        import keras

        scaled = run.learning_rate * self.factor(run.batch_size)
        if not self.warmup_epochs:
            return scaled
        steps = max(1, round(self.warmup_epochs * math.ceil(examples.size("train") / run.batch_size)))
        return keras.optimizers.schedules.PolynomialDecay(run.learning_rate, steps, end_learning_rate=scaled, power=1.0)

    def factor(self, batch_size):
        """The factor on the learning rate after the warm-up."""
        ratio = batch_size / self.small_batch
        return ratio if self.rule == "linear" else math.sqrt(ratio)
