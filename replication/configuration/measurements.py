"""The choices of what is measured at minimizers and between them."""

import dataclasses
import typing

from replication.configuration.fields import STATISTICS, JsonRoundTrip
from replication.errors import is_finite, is_whole, require, require_name

SUBSPACE_DISTRIBUTIONS = ("normal", "uniform")
PATHS = ("linear", "curved")


@dataclasses.dataclass(frozen=True)
class Sharpness(JsonRoundTrip):
    """The choices of one measurement of Metric 2.1.

    Attributes:
        epsilon: Half-width of the box, relative to |x_i| + 1.
        subspace_dim: p, the dimension of the random subspace; 0 for the full space.
        subspace_distribution: Of A's entries: "normal" N(0, 1), or "uniform" on [-1, 1].
        statistics: What every batch normalization uses while f is evaluated: "batch" or "moving".
        batch_size: Upper bound of the batches in which f is evaluated.
        iterations: Iterations of L-BFGS-B from each start.
        starts: Starts of the maximizer: x itself, then random points of the box. None is resolved
            to 1 in the full space and 4 in a subspace.
        seed: Seeds A and the random starts.
        examples: f is taken over that many examples, a seeded choice of the training set; None for the
            whole set, as Metric 2.1 has it.

    Raises:
        UserError: a value is out of range; the message names it.
    """

    epsilon: float = 1e-3
    subspace_dim: int = 0
    subspace_distribution: str = "normal"
    statistics: str = "batch"
    batch_size: int = 5000
    iterations: int = 10
    starts: int | None = None
    seed: int = 0
    examples: int | None = None

    def __post_init__(self):
        if self.starts is None:
            object.__setattr__(self, "starts", 4 if self.subspace_dim else 1)
        require(is_finite(self.epsilon) and self.epsilon > 0, "epsilon", self.epsilon, "a positive number")
        require(is_whole(self.subspace_dim, 0), "subspace_dim", self.subspace_dim,
                "a whole number of at least 0 (0: the full space)")
        require_name("subspace_distribution", self.subspace_distribution, SUBSPACE_DISTRIBUTIONS)
        require_name("statistics", self.statistics, STATISTICS)
        for name in ("batch_size", "iterations", "starts"):
            require(is_whole(getattr(self, name), 1), name, getattr(self, name), "a whole number of at least 1")
        require(is_whole(self.seed, 0), "seed", self.seed, "a whole number of at least 0")
        require(self.examples is None or is_whole(self.examples, 1), "examples", self.examples,
                "a whole number of at least 1")

    @property
    def name(self):
        """The name of the measurement's record, such as full-0.001-1a2b3c4d."""
        space = f"subspace{self.subspace_dim}" if self.subspace_dim else "full"
        return f"{space}-{self.epsilon:g}-{self.digest()}"


@dataclasses.dataclass(frozen=True)
class Steepness(JsonRoundTrip):
    """The choices of one look at how f rises in many directions around a minimizer (section 2.2.2).

    Attributes:
        SHARES: The shares of the coordinates, the steepest first, of which the rise is taken; the same for all.
        epsilon: Half-width of the box of Metric 2.1 in the full space, relative to |x_i| + 1.
        directions: Number of random corners of the box.
        blocks: Number of blocks of n / blocks random coordinates each.
        statistics, batch_size: As in `Sharpness`.
        seed: Seeds the corners and the blocks.

    Raises:
        UserError: a value is out of range; the message names it.
    """

    SHARES: typing.ClassVar[tuple] = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    epsilon: float = 1e-3
    directions: int = 100
    blocks: int = 100
    statistics: str = "batch"
    batch_size: int = 5000
    seed: int = 0

    def __post_init__(self):
        require(is_finite(self.epsilon) and self.epsilon > 0, "epsilon", self.epsilon, "a positive number")
        require_name("statistics", self.statistics, STATISTICS)
        for name in ("directions", "blocks", "batch_size"):
            require(is_whole(getattr(self, name), 1), name, getattr(self, name), "a whole number of at least 1")
        require(is_whole(self.seed, 0), "seed", self.seed, "a whole number of at least 0")

    @property
    def name(self):
        """The name of its record, such as 0.001-1a2b3c4d."""
        return f"{self.epsilon:g}-{self.digest()}"


@dataclasses.dataclass(frozen=True)
class Path(JsonRoundTrip):
    """The choices of one parametric plot between the minimizers of an SB and an LB run (figures 3 and 7).

    Attributes:
        kind: "linear": alpha x_l* + (1 - alpha) x_s* (figure 3); "curved": sin(alpha pi / 2) x_l* +
            cos(alpha pi / 2) x_s* (figure 7).
        points: Number of values of alpha, equally spaced on [start, stop].
        start, stop: The range of alpha.
        statistics: As in `Sharpness`; "moving" re-estimates the averages at each point.
        batch_size: Upper bound of the batches in which f is evaluated.

    Raises:
        UserError: a value is out of range; the message names it.
    """

    kind: str = "linear"
    points: int = 25
    start: float = -1.0
    stop: float = 2.0
    statistics: str = "batch"
    batch_size: int = 5000

    def __post_init__(self):
        require_name("path", self.kind, PATHS)
        require(is_whole(self.points, 2), "points", self.points, "a whole number of at least 2")
        require(is_finite(self.start) and is_finite(self.stop) and self.start < self.stop,
                "start, stop", (self.start, self.stop), "two numbers in increasing order")
        require_name("statistics", self.statistics, STATISTICS)
        require(is_whole(self.batch_size, 1), "batch_size", self.batch_size, "a whole number of at least 1")
