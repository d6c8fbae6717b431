"""Dynamic sampling (section 4): the batch grows during the run, by a schedule or by a test of its variance.

Byrd et al. (2012): the gradient g of a batch B is accurate enough while

    sqrt(||V||_1 / |B|) <= theta ||g||,    V the variance of the gradients of single examples

g is the gradient of a single batch, so that ||g||^2 is taken as the mean over several batches' gradients. The norm of
their mean would be smaller, and the test stricter.
"""

import dataclasses
import math

from replication.errors import require
from replication.fields import Search, number, one_of, whole
from replication.remedies.base import Remedy

# Number of disjoint parts of the training set whose gradients the variance test compares.
PARTS = 10


@dataclasses.dataclass(frozen=True)
class DynamicSampling(Remedy):
    """Plain training on batches that grow up to the run's batch size."""

    NAME = "dynamic_sampling"
    USED_WITH = {"growth": ("test", ("schedule",)), "theta": ("test", ("variance",))}

    test: str = one_of(
        ("schedule", "variance"), "schedule", "schedule: the batch grows by a factor each epoch; variance: it grows "
        "when the variance of its gradient is too large for it (Byrd et al., 2012).", search=True)
    first_batch_size: int = whole(256, "Batch size of the first epoch, at most the run's.", at_least=1)
    growth: float = number(1.5, "With the schedule: factor on the batch size in each epoch.", at_least=1,
                           search=Search(1.1, 3.0, log=True))
    theta: float = number(
        0.5, "With the variance test: largest standard error of a batch's gradient, as a share of the gradient's norm.",
        above=0, below=1, search=Search(0.1, 0.9, log=True))

    def check_run(self, run):
        super().check_run(run)
        require(self.first_batch_size <= run.batch_size, f"{self.PREFIX}first_batch_size", self.first_batch_size,
                f"at most {run.batch_size}, the run's batch size, up to which batches grow")

    @classmethod
    def listed(cls, small_batch, large_batch):
        return (cls(first_batch_size=small_batch),)

    @classmethod
    def sample(cls, hp, batch_size):
        # A share of the batch size, which the first batch must not exceed.
        share = hp.Choice("dynamic_sampling_first_share", [0.0625, 0.125, 0.25, 0.5])
        options = {"test": cls.hyperparameter(hp, "test"), "first_batch_size": max(1, int(share * batch_size))}
        for test, option in (("schedule", "growth"), ("variance", "theta")):
            with hp.conditional_scope("dynamic_sampling_test", [test]):
                if options["test"] == test:
                    options[option] = cls.hyperparameter(hp, option)
        return cls(**options)

    def batch_size(self, run, history, model, *, examples):
        return without_a_small_rest(self._wanted_size(run, history, model, examples), examples.size("train"),
                                    limit=run.batch_size)

    def _wanted_size(self, run, history, model, examples):
        if self.test == "schedule":
            return self.scheduled_size(len(history), limit=run.batch_size)
        if not history:
            return self.first_batch_size
        size = history[-1]["batch_size"]
        if size >= run.batch_size:
            return size
        part = part_size(size, examples.size("train"))
        order = examples.order(seed=run.trial, epoch=len(history))
        gradient, variance = gradient_variance(model, examples, [order[i * part:(i + 1) * part] for i in range(PARTS)],
                                               jit_compile=run.jit_compile)
        # A part that is smaller than a batch has a larger squared gradient, by the variance that the batch has less.
        gradient -= variance * (1 - part / size)
        return self.sufficient_size(size, gradient, part * variance, limit=run.batch_size)

    def test_gradients(self, run, history, examples):
        if self.test == "schedule":
            return 0
        sizes = [row["batch_size"] for row in history[:-1]]
        return sum(PARTS * part_size(size, examples) for size in sizes if size < run.batch_size)

    def scheduled_size(self, epoch, *, limit):
        """min(limit, first_batch_size * growth^epoch), rounded; epochs count from 0."""
        if math.log(self.first_batch_size) + epoch * math.log(self.growth) >= math.log(limit):
            return limit
        return min(limit, round(self.first_batch_size * self.growth**epoch))

    def sufficient_size(self, size, gradient, variance, *, limit):
        """The smallest batch size from the current `size` to `limit` that passes the test, or `limit` if none does.

        `gradient` is ||g||^2 and `variance` ||V||_1.
        """
        # If the weights are no longer finite, the loss of the next epoch tells.
        if not math.isfinite(variance) or variance <= self.theta**2 * gradient * size:
            return size
        if variance >= self.theta**2 * gradient * limit:
            return limit
        return math.ceil(variance / (self.theta**2 * gradient))


def without_a_small_rest(size, examples, *, limit):
    """Returns the smallest batch size from `size` on that leaves the last batch of an epoch at least a tenth of it.

    Fewer would make an update whose batch normalization knows few examples. If no size below the run's own batch size,
    the limit, does so, that one is returned, whatever it leaves.

    Args:
        size: The batch size.
        examples: Number of training examples.
        limit: The run's batch size.
    """
    return next((each for each in range(size, limit)
                 if examples % each == 0 or examples % each >= each / 10), max(size, limit))


def part_size(size, examples):
    """Number of examples in each part: a batch, or what a training set of `examples` has room for."""
    return max(1, min(size, examples // PARTS))


def gradient_variance(model, examples, parts, *, jit_compile=False):
    """The squared gradient of a batch, and its variance between equal parts of the training set, each one batch.

    With batch normalization the gradient of a single example means nothing; hence parts. The passes are in training
    mode with the same dropout masks; moving averages and seeds do not change.

    Args:
        model: A compiled `TrainingModel`.
        examples: `training.batches.Examples`.
        parts: Indices of training examples, int64 [parts, size].
        jit_compile: Whether XLA compiles the passes.

    Returns:
        The mean of ||g||^2 over the parts, and ||V||_1 / size: the variance of a part's gradient, summed over all
        weights. If the optimizer scales the loss, both have the square of its scale.
    """
    import tensorflow as tf

    @tf.function(jit_compile=jit_compile)
    def gradient(indices):
        inputs, labels = examples.gather({"indices": indices})
        with tf.GradientTape() as tape:
            _, loss = model.forward_again(inputs, labels, state=model.state())
            objective = model.optimizer.scale_loss(loss)
        return tape.gradient(objective, model.trainable_variables)

    def squared_norm(gradients):
        return sum(float(tf.reduce_sum(tf.square(tf.cast(g, tf.float64)))) for g in gradients)

    total, squares = None, 0.0
    for indices in parts:
        gradients = gradient(indices)
        total = gradients if total is None else [t + g for t, g in zip(total, gradients)]
        squares += squared_norm(gradients)
    mean = squared_norm(total) / len(parts)**2
    # NaN stays NaN if it comes first.
    return squares / len(parts), max(squares - len(parts) * mean, 0.0) / (len(parts) - 1)
