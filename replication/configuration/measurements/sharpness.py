"""The choices of a measurement of Metric 2.1."""

import dataclasses
import typing

from replication.configuration.measurements.base import (
    BATCH_SIZE,
    BYTES_OF_A_MAXIMIZATION,
    NUMBER,
    NUMBERS,
    NUMBERS_BY_NAME,
    OBJECT,
    STATISTICS,
    TEXT,
    WHOLE,
    Measurement,
)
from replication.errors import is_finite
from replication.fields import WholeOrAll, boolean, choice, number, one_of, whole

SOLVERS = ("scaled", "scipy")
SUBSPACE_DISTRIBUTIONS = ("normal", "uniform")
BOXES = ("paper", "relative")
NORMALIZATIONS = ("none", "layers")
# Bytes that storing the matrix A of a subspace may take.
SUBSPACE_BUDGET = 2**30
# Passes of a measurement beside its ascents: at y = 0, its repetition, and the central difference.
_CHECKS = 4
_EVALUATIONS_PER_ITERATION = 1.3
_VERTEX_EVALUATIONS = 3


@dataclasses.dataclass(frozen=True)
class Sharpness(Measurement):
    """The choices of one measurement of Metric 2.1.

    Raises:
        UserError: a value is out of range; the message names it.
    """

    KIND: typing.ClassVar[str] = "sharpness"
    COMPUTATION: typing.ClassVar[str] = "replication.sharpness.metric"
    CONTENT: typing.ClassVar[dict] = {
        "sharpness": {"description": "Metric 2.1, in percent.", **NUMBER}, "solver_sharpness": NUMBER, "loss": NUMBER,
        "max_loss": NUMBER, "evaluations": WHOLE, "vertex_evaluations": WHOLE, "status": TEXT, "parameters": WHOLE,
        "at_bound": {"type": "number", "minimum": 0, "maximum": 1}, "start_max_losses": NUMBERS, "scale": NUMBERS,
        "check": OBJECT, "seconds": OBJECT, "jit_compile": {"type": "boolean"}, "layers": NUMBERS_BY_NAME}

    epsilon: float = number(
        1e-3, "Half-width of the box, relative to |x_i| + 1 (the paper: 1e-3 and 5e-4).", above=0)
    subspace_dim: int = whole(
        0, "p, the dimension of the random subspace; 0: the full space (the paper: 0 and 100).",
        expected="a whole number of at least 0 (0: the full space)")
    subspace_distribution: str = one_of(
        SUBSPACE_DISTRIBUTIONS, "normal",
        "Distribution of A's entries: normal, N(0, 1), or uniform on [-1, 1] (the paper: not stated).")
    statistics: str = one_of(
        STATISTICS, "batch", "Statistics that batch normalization uses in f: batch (as the authors' code) or moving.")
    batch_size: int | str = choice(
        BATCH_SIZE, "Upper bound of the equal batches in which f is evaluated (the authors' code for training and the "
        "plots: 5000), or all for a single batch (the pull request that the authors name).", WholeOrAll())
    iterations: int = whole(10, "Iterations of L-BFGS-B from each start (the paper: 10).", at_least=1)
    starts: int | None = whole(
        None, "Starts of the maximizer: x itself, then random points of the box; by default 1 in the full space and 4 "
        "in a subspace.", at_least=1)
    seed: int = whole(0, "Seed of A and of the random starts.")
    examples: int | None = whole(
        None, "Number of examples over which f is taken, a fixed random choice of the training set; by default all, as "
        "Metric 2.1 has it. Values over fewer enter no table.", at_least=1)
    solver: str = one_of(
        SOLVERS, "scaled", "scaled: L-BFGS-B on f times a factor with which it reaches the bounds, then a vertex "
        "search; scipy: SciPy's fmin_l_bfgs_b, which the authors name, with its defaults on f itself.", added=True)
    dropout_active: bool = boolean(
        False, "Evaluate f in training mode, with dropout masks that depend on the states of the model's random "
        "generators and on the batch alone, as the pull request that the authors name does.", added=True)

    box: str = one_of(
        BOXES, "paper", "Half-widths of the box: paper, epsilon (|x_i| + 1); relative, epsilon |x_i| (Kwon et al., "
        "2021), which does not change with the scale of the weights.", added=True)
    normalize: str = one_of(
        NORMALIZATIONS, "none", "layers: first multiply the kernel and bias before each batch normalization so "
        "that the kernel has the length of Glorot's initialization, which leaves f the same except for the "
        "normalization's epsilon.", added=True)
    partition: int = whole(
        0, "Seed of the partition into batches, and of the choice of examples.", added=True)
    dtype: str = one_of(("float32", "float64"), "float32", "Precision in which f is computed.", added=True)

    def __post_init__(self):
        if self.starts is None:
            object.__setattr__(self, "starts", 4 if self.subspace_dim else 1)
        if not self.subspace_dim and self.subspace_distribution in SUBSPACE_DISTRIBUTIONS:
            # There is no A, and measurements that differ in nothing are the same.
            object.__setattr__(self, "subspace_distribution", SUBSPACE_DISTRIBUTIONS[0])
        super().__post_init__()

    def record_name(self, *runs):
        """The stem of the record's file, such as full-0.001-1a2b3c4d."""
        space = f"subspace{self.subspace_dim}" if self.subspace_dim else "full"
        return f"{space}-{self.epsilon:g}-{self.digest()}"

    def passes(self, dataset):
        vertex = _VERTEX_EVALUATIONS if self.solver == "scaled" else 0
        return _CHECKS + self.starts * (self.iterations * _EVALUATIONS_PER_ITERATION + vertex)

    def ascents(self):
        return 0 if self.subspace_dim else self.starts

    def vector_bytes(self, parameters):
        if self.subspace_dim:
            return min(4 * parameters * self.subspace_dim, SUBSPACE_BUDGET)
        return BYTES_OF_A_MAXIMIZATION * parameters

    def check(self, content):
        for name in ("sharpness", "loss", "max_loss", "evaluations", "at_bound"):
            if not is_finite(content.get(name)):
                return name
        for name, kind in (("scale", list), ("start_max_losses", list), ("status", str), ("seconds", dict)):
            if not isinstance(content.get(name), kind):
                return name
        return None
