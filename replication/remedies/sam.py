"""Sharpness-aware minimization (Foret et al., 2021), in a ball of fixed radius or in ASAM's.

    min_x max_{||d|| <= rho} f_B(x + d),    d = rho g / ||g||,    g = grad f_B(x)
    ASAM (Kwon et al., 2021):               d = rho T^2 g / ||T g||,    T = diag |x|

The literature takes d for parts of m examples each, and finds that it helps for small m only (Andriushchenko and
Flammarion, 2022).
"""

import dataclasses

from replication.fields import Search, boolean, number, whole
from replication.remedies.base import Remedy


@dataclasses.dataclass(frozen=True)
class SharpnessAware(Remedy):
    """Steps from x along the mean of the gradients at x + d of parts of the batch; the loss reported is f_B(x).

    Each part has a d of its own, and is normalized by its own statistics, as on one of several devices. The second pass
    takes tensors x + d instead of the weights, which do not move and need not be restored. In mixed_float16 both
    gradients have the same scale: d does not depend on it, and if the first gradient overflows, the second is NaN and
    Keras's LossScaleOptimizer skips the step.
    """

    NAME = "sam"
    # At x and at x + d.
    GRADIENTS = 2
    BEFORE = {"examples": None}

    rho: float | None = number(None, "Radius of the ball around the weights; by default 0.05, adaptive 0.5.",
                               at_least=0)
    adaptive: bool = boolean(False, "Scale the ball by the weights (ASAM).", search=True)
    examples: int | None = whole(
        256, "m, the largest number of examples that share a perturbation.", at_least=1, nullable=True,
        search=Search(16, 512, log=True))

    def __post_init__(self):
        if self.rho is None:
            object.__setattr__(self, "rho", 0.5 if self.adaptive else 0.05)
        super().__post_init__()

    @property
    def compiles(self):
        # Parts are passed in a loop of TensorFlow's, over slices whose sizes vary.
        return self.examples is None

    @classmethod
    def listed(cls, small_batch, large_batch):
        # Parts that hold the whole batch are none.
        examples = cls.examples if cls.examples < large_batch else None
        return cls(examples=examples), cls(adaptive=True, examples=examples)

    @classmethod
    def sample(cls, hp, batch_size):
        adaptive = cls.hyperparameter(hp, "adaptive")
        for each, name, scale in ((False, "sam_rho", 1), (True, "sam_adaptive_rho", 10)):
            with hp.conditional_scope("sam_adaptive", [each]):
                if adaptive == each:
                    rho = hp.Float(name, 0.01 * scale, 0.2 * scale, sampling="log", default=0.05 * scale)
        return cls(rho=rho, adaptive=adaptive, examples=cls.hyperparameter(hp, "examples"))

    @property
    def label(self):
        # m belongs to the method: its name says little without.
        label = super().label.partition(", examples")[0]
        return f"{label}, m = {self.examples or 'the batch'}"

    def examples_at_once(self, batch_size):
        return min(self.examples or batch_size, batch_size)

    def learn(self, model, inputs, labels):
        import tensorflow as tf

        weights = model.trainable_variables

        def compute(inputs, labels):
            state = model.state()
            with tf.GradientTape() as tape:
                outputs, loss = model.forward(inputs, labels)
                objective = model.optimizer.scale_loss(loss)
            values = [tf.identity(variable.value) for variable in weights]
            steps = self.perturbation(tape.gradient(objective, weights), values)
            moved = [value + step for value, step in zip(values, steps)]
            with tf.GradientTape() as tape:
                tape.watch(moved)
                _, moved_loss = model.forward_again(inputs, labels, state=state, weights=moved)
                objective = model.optimizer.scale_loss(moved_loss)
            return tape.gradient(objective, moved), loss, outputs

        if self.examples is None:
            gradients, loss, outputs = compute(inputs, labels)
        else:
            gradients, loss, outputs = model.mean_over_parts(compute, inputs, labels, size=self.examples)
        model.optimizer.apply(gradients, weights)
        return model.log(loss, labels, outputs)

    def perturbation(self, gradients, weights):
        """d for lists of tensors g and x, as a list of tensors of their shapes; 0 if all gradients are 0."""
        import tensorflow as tf

        scales = [tf.abs(x) if self.adaptive else tf.ones_like(x) for x in weights]
        scaled = [t * g for t, g in zip(scales, gradients)]
        factor = tf.math.divide_no_nan(self.rho, tf.linalg.global_norm(scaled))
        return [factor * t * s for t, s in zip(scales, scaled)]
