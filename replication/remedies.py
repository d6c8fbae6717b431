"""The remedies of section 4 and appendix E: what each can be told. How each trains is in `training/`."""

import dataclasses
import typing

from replication.catalog import NETWORKS
from replication.errors import UserError, is_finite, is_whole, require, require_name


@dataclasses.dataclass(frozen=True)
class Remedy:
    """A way of training that may help large batches; subclasses hold the options of one each.

    Attributes:
        NAME: Its name in flags and records.
        NEEDS_IMAGES: Whether it works on images only.
        COMPILES: Whether XLA can compile its step.
    """

    NAME: typing.ClassVar[str]
    NEEDS_IMAGES: typing.ClassVar[bool] = False
    COMPILES: typing.ClassVar[bool] = True

    @property
    def gradients(self):
        """Gradient evaluations for each example of a training batch; plain training takes 1."""
        return 1

    @classmethod
    def admits(cls, network):
        """Whether the remedy can train a `catalog.Network`."""
        return len(network.input_shape) == 3 or not cls.NEEDS_IMAGES

    @classmethod
    def listed(cls, small_batch):
        """The variants in the table of remedies, as a tuple; `small_batch` is the batch size of SB."""
        return (cls(),)

    def check_run(self, run):
        """Raises a UserError unless a `configuration.Run` can be trained with this remedy."""
        images = len(NETWORKS[run.network].input_shape) == 3
        require(images or not self.NEEDS_IMAGES, "remedy", self.NAME,
                f"another one or none, as {run.network} is not convolutional and takes no images")
        require(self.COMPILES or not run.jit_compile, "jit_compile", run.jit_compile,
                f"false with the remedy {self.NAME}, whose step XLA cannot compile")

    def to_json(self):
        """The name and the options as a JSON-ready dictionary."""
        return {"name": self.NAME, **dataclasses.asdict(self)}

    @property
    def label(self):
        """One line for readers: the name, and the options that are not the defaults."""
        defaults = type(self)()
        changed = [f"{field.name.replace('_', ' ')} {getattr(self, field.name)}"
                   for field in dataclasses.fields(self)
                   if getattr(self, field.name) != getattr(defaults, field.name)]
        return ", ".join([self.NAME.replace("_", " "), *changed])


@dataclasses.dataclass(frozen=True)
class Augmentation(Remedy):
    """Data augmentation as in appendix E.1: a random reflection, rotation and translation of each image.

    What is moved in from beyond the edge is the edge's nearest pixel.

    Attributes:
        rotation: Largest angle, in degrees to either side.
        translation: Largest shift along either axis, as a share of the image's side.
        flip: Whether images are reflected horizontally, each with probability 1/2.
    """

    NAME: typing.ClassVar[str] = "augmentation"
    NEEDS_IMAGES: typing.ClassVar[bool] = True
    COMPILES: typing.ClassVar[bool] = False
    rotation: float = 10.0
    translation: float = 0.2
    flip: bool = True

    def __post_init__(self):
        require(is_finite(self.rotation) and 0 <= self.rotation <= 180, "rotation", self.rotation,
                "degrees from 0 to 180")
        require(is_finite(self.translation) and 0 <= self.translation <= 1, "translation", self.translation,
                "a share of the image's side, from 0 to 1")
        require(isinstance(self.flip, bool), "flip", self.flip, "true or false")


@dataclasses.dataclass(frozen=True)
class Conservative(Remedy):
    """Conservative training as in appendix E.2: each batch's loss with a proximal term, solved inexactly.

    Attributes:
        iterations: Iterations of the optimizer on each batch.
        penalty: lambda, the weight of ||x - x_k||^2 / 2.
    """

    NAME: typing.ClassVar[str] = "conservative"
    iterations: int = 3
    penalty: float = 1e-3

    def __post_init__(self):
        require(is_whole(self.iterations, 1), "iterations", self.iterations, "a whole number of at least 1")
        require(is_finite(self.penalty) and self.penalty >= 0, "penalty", self.penalty, "a number of at least 0")

    @property
    def gradients(self):
        """One for each iteration."""
        return self.iterations


@dataclasses.dataclass(frozen=True)
class Adversarial(Remedy):
    """Adversarial training as in appendix E.3, after Goodfellow et al. (2014), with the fast gradient sign.

    Attributes:
        epsilon: Size of the perturbation of each input.
        clean_share: Weight of the loss of the clean examples; the rest is that of the perturbed ones.
    """

    NAME: typing.ClassVar[str] = "adversarial"
    epsilon: float = 0.1
    clean_share: float = 0.5

    def __post_init__(self):
        require(is_finite(self.epsilon) and self.epsilon >= 0, "epsilon", self.epsilon, "a number of at least 0")
        require(is_finite(self.clean_share) and 0 <= self.clean_share <= 1, "clean_share", self.clean_share,
                "a number in [0, 1]")

    @property
    def gradients(self):
        """Two: of the clean and of the perturbed example. The first gives the gradient in the input as well."""
        return 2


@dataclasses.dataclass(frozen=True)
class Stability(Remedy):
    """Stability training as in appendix E.3, after Zheng et al. (2016).

    Attributes:
        deviation: Standard deviation of the Gaussian noise on the inputs.
        weight: Of the divergence between the outputs with and without noise.
    """

    NAME: typing.ClassVar[str] = "stability"
    deviation: float = 0.04
    weight: float = 0.01

    def __post_init__(self):
        for name in ("deviation", "weight"):
            value = getattr(self, name)
            require(is_finite(value) and value >= 0, name, value, "a number of at least 0")

    @property
    def gradients(self):
        """Two: through the outputs with and without noise."""
        return 2


@dataclasses.dataclass(frozen=True)
class DynamicSampling(Remedy):
    """A batch that grows along the run, up to the run's batch size (section 4; Byrd et al., 2012).

    Attributes:
        test: "schedule": the batch is multiplied by `growth` each epoch; or "variance": it grows when the
            variance of the gradients in a batch is too large for it.
        first_batch_size: Of the first epoch; at most the run's batch size.
        growth: Of the schedule: factor on the batch size, an epoch.
        theta: Of the variance test: the batch is large enough while the standard error of its gradient
            is at most theta times the gradient's length.
    """

    NAME: typing.ClassVar[str] = "dynamic_sampling"
    test: str = "schedule"
    first_batch_size: int = 256
    growth: float = 1.5
    theta: float = 0.5

    def __post_init__(self):
        require_name("test", self.test, ("schedule", "variance"))
        require(is_whole(self.first_batch_size, 1), "first_batch_size", self.first_batch_size,
                "a whole number of at least 1")
        require(is_finite(self.growth) and self.growth >= 1, "growth", self.growth, "a number of at least 1")
        require(is_finite(self.theta) and self.theta > 0, "theta", self.theta, "a positive number")

    @classmethod
    def listed(cls, small_batch):
        return (cls(first_batch_size=small_batch),)

    def check_run(self, run):
        super().check_run(run)
        require(self.first_batch_size <= run.batch_size, "first_batch_size", self.first_batch_size,
                f"at most {run.batch_size}, the run's batch size, up to which batches grow")


@dataclasses.dataclass(frozen=True)
class SharpnessAware(Remedy):
    """Sharpness-aware minimization, after Foret et al. (2021): min_x max_{||d|| <= rho} f_B(x + d).

    Attributes:
        rho: Radius of the ball. None is resolved to 0.05, or 0.5 where it is adaptive.
        adaptive: Whether the ball is scaled by the weights, ASAM after Kwon et al. (2021).
    """

    NAME: typing.ClassVar[str] = "sam"
    rho: float | None = None
    adaptive: bool = False

    def __post_init__(self):
        if self.rho is None:
            object.__setattr__(self, "rho", 0.5 if self.adaptive else 0.05)
        require(is_finite(self.rho) and self.rho >= 0, "rho", self.rho, "a number of at least 0")
        require(isinstance(self.adaptive, bool), "adaptive", self.adaptive, "true or false")

    @classmethod
    def listed(cls, small_batch):
        return cls(), cls(adaptive=True)

    @property
    def gradients(self):
        """Two: at the weights and at the perturbed weights."""
        return 2


REMEDIES = {kind.NAME: kind for kind in (
    Augmentation, Conservative, Adversarial, Stability, DynamicSampling, SharpnessAware)}


def from_json(content):
    """The inverse of `Remedy.to_json`.

    Raises:
        UserError: the name or an option is unknown, or a value out of range.
    """
    options = dict(content) if isinstance(content, dict) else {}
    name = options.pop("name", None)
    require_name("remedy", name, REMEDIES)
    known = [field.name for field in dataclasses.fields(REMEDIES[name])]
    if unknown := sorted(set(options) - set(known)):
        raise UserError(f"unknown option {unknown[0]!r} of the remedy {name}; it has {', '.join(known)}")
    return REMEDIES[name](**options)
