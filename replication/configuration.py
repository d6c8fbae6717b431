"""Every choice of an experiment as frozen, validated, JSON-ready values."""

import dataclasses
import hashlib
import json
import re

from replication import remedies
from replication.catalog import DATASETS, NETWORKS, require_batch_size
from replication.errors import UserError
from replication.validation import is_finite, is_whole, require, require_name

# "grid" is any other batch size: figure 4's, and in no table.
REGIMES = ("SB", "LB", "grid")
STATISTICS = ("batch", "moving")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# With Keras's default learning rates; "momentum" is SGD with a momentum of 0.9.
OPTIMIZERS = {"adam": 1e-3, "sgd": 1e-2, "momentum": 1e-2, "adagrad": 1e-3}
SUBSPACE_DISTRIBUTIONS = ("normal", "uniform")
PATHS = ("linear", "curved")
TUNERS = ("random", "bayesian", "hyperband")
# By the name of what a search optimizes, whether it shall be as large or as small as possible.
OBJECTIVES = {"val_accuracy": "max", "sharpness": "min"}
_RUN_NAME = re.compile(r"(\w+)-(SB|LB|grid)-trial(\d+)-[0-9a-f]{8}")


class _JsonRoundTrip:
    """Conversion of a frozen dataclass to a JSON object and back."""

    def to_json(self):
        """The fields as a JSON-ready dictionary."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value.to_json() if hasattr(value, "to_json") else value for name, value in fields.items()}

    @classmethod
    def from_json(cls, fields):
        """The inverse of `to_json`; an unknown or missing field is a UserError that names it."""
        known = {field.name: field for field in dataclasses.fields(cls)}
        if unknown := sorted(set(fields) - set(known)):
            raise UserError(f"unknown field {unknown[0]!r} in a {cls.__name__}")
        for name, field in known.items():
            if name not in fields and field.default is dataclasses.MISSING:
                raise UserError(f"missing field {name!r} in a {cls.__name__}")
        return cls(**fields)

    def digest(self):
        """Eight hexadecimal digits that change with every field.

        Options not taken (None, False, or the default of a field marked as `_added`) are left out, so
        that an option added later leaves the digits of older records alone.
        """
        added = {field.name: field.default for field in dataclasses.fields(self) if "added" in field.metadata}
        taken = {name: value for name, value in self.to_json().items()
                 if value is not None and value is not False and not (name in added and value == added[name])}
        canonical = json.dumps(taken, sort_keys=True, allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def _added(default):
    """A field that older records do not have: its default plays no part in the digest."""
    return dataclasses.field(default=default, metadata={"added": True})


@dataclasses.dataclass(frozen=True)
class Start(_JsonRoundTrip):
    """A starting point other than x_0: an iterate of another run, as in figure 5.

    Attributes:
        run: Name of that run, such as F1-SB-trial0-1a2b3c4d.
        epoch: After how many of its epochs.

    Raises:
        UserError: a value is out of range, or the name is no run's.
    """

    run: str
    epoch: int

    def __post_init__(self):
        require(isinstance(self.run, str) and _RUN_NAME.fullmatch(self.run), "start.run", self.run,
                "the name of a run, such as F1-SB-trial0-1a2b3c4d")
        require(is_whole(self.epoch, 0), "start.epoch", self.epoch, "a whole number of at least 0")


@dataclasses.dataclass(frozen=True)
class Run(_JsonRoundTrip):
    """One training run, with every choice resolved that affects its outcome.

    Attributes:
        network: A name of table 1.
        regime: "SB" or "LB", the label under which the run enters the tables, or "grid": figure 4's
            other batch sizes.
        trial: Number of the trial, from 0. It seeds the starting point x_0, which SB and LB of one
            trial share, and with the epoch the order of the examples.
        dataset: Name of the data set.
        batch_size: Examples in a training batch; a last partial batch is kept.
        statistics: What batch normalization uses in evaluation: "batch" (as Keras 1's mode=2, the
            authors' choice) or "moving".
        optimizer: A key of OPTIMIZERS; everything but the learning rate is Keras's default.
        learning_rate: The optimizer's step length.
        epochs: Exactly so many epochs; None for the stopping rule.
        max_epochs: Upper bound of the stopping rule.
        patience: The stopping rule ends a run once the training loss has gone this many epochs
            without a sufficient improvement.
        min_improvement: The relative decrease of the best training loss that counts as an
            improvement.
        evaluation_batch_size: Upper bound of the batches in which accuracies and f are evaluated.
        deterministic: Whether TensorFlow's op determinism and a single intra-op thread are used.
        jit_compile: Whether XLA compiles the training step.
        architecture: Of a network of which there are two: "released" (what None is resolved to) or
            "text". None for any other.
        classes: Number of classes of a data set that `DATASETS` leaves open, as `data.describe` gives
            it; None where `DATASETS` tells.
        precision: "float32", or "mixed_bfloat16" or "mixed_float16": Keras's policy in training. The
            sharpness of such a run is not measured.
        remedy: One of `remedies.REMEDIES` with its options, or None.
        start: Where the run starts, a `Start`; None for x_0.
        dropout: Rate of all dropout layers; None for the network's own rates.

    Raises:
        UserError: a value is out of range; the message names it.
    """

    network: str
    regime: str
    trial: int
    dataset: str
    batch_size: int
    statistics: str = "batch"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    epochs: int | None = None
    max_epochs: int = 200
    patience: int = 10
    min_improvement: float = 0.3
    evaluation_batch_size: int = 5000
    deterministic: bool = False
    jit_compile: bool = False
    architecture: str | None = None
    classes: int | None = None
    precision: str = _added("float32")
    remedy: remedies.Remedy | None = None
    start: Start | None = None
    dropout: float | None = None

    def __post_init__(self):
        require_name("network", self.network, NETWORKS)
        require_name("regime", self.regime, REGIMES)
        require(is_whole(self.trial, 0), "trial", self.trial, "a whole number of at least 0")
        require_name("dataset", self.dataset, DATASETS)
        known = DATASETS[self.dataset]
        network = NETWORKS[self.network]
        network.require_input_shape(known.input_shape)
        object.__setattr__(self, "architecture", network.resolve_architecture(self.architecture))
        network.require_dropout(self.dropout)
        require_batch_size("batch_size", self.batch_size, known)
        require_name("statistics", self.statistics, STATISTICS)
        require_name("optimizer", self.optimizer, OPTIMIZERS)
        require(is_finite(self.learning_rate) and self.learning_rate > 0,
                "learning_rate", self.learning_rate, "a positive number")
        require(self.epochs is None or is_whole(self.epochs, 0),
                "epochs", self.epochs, "a whole number of at least 0")
        require(is_whole(self.max_epochs, 1), "max_epochs", self.max_epochs, "a whole number of at least 1")
        require(is_whole(self.patience, 1), "patience", self.patience, "a whole number of at least 1")
        require(is_finite(self.min_improvement) and 0 <= self.min_improvement < 1,
                "min_improvement", self.min_improvement, "a number in [0, 1)")
        require(is_whole(self.evaluation_batch_size, 1), "evaluation_batch_size",
                self.evaluation_batch_size, "a whole number of at least 1")
        for name in ("deterministic", "jit_compile"):
            require(isinstance(getattr(self, name), bool), name, getattr(self, name), "true or false")
        if known.classes is None:
            require(is_whole(self.classes, 1), "classes", self.classes, "the number of classes of the prepared data")
        else:
            require(self.classes is None, "classes", self.classes, f"none, as {self.dataset} has {known.classes}")
        require_name("precision", self.precision, PRECISIONS)
        if self.remedy is not None:
            self.remedy.check_run(self)
        if self.start is not None:
            name, _, trial = _RUN_NAME.fullmatch(self.start.run).groups()
            require((name, int(trial)) == (self.network, self.trial), "start.run", self.start.run,
                    f"a run of {self.network}, trial {self.trial}")

    @classmethod
    def from_json(cls, fields):
        """As in the base class, for the nested remedy and start as well."""
        nested = {"remedy": remedies.from_json, "start": Start.from_json}
        return super().from_json({name: nested[name](value) if name in nested and value is not None else value
                                  for name, value in fields.items()})

    @property
    def name(self):
        """The name of the run's folder, such as F1-SB-trial0-1a2b3c4d."""
        return f"{self.network}-{self.regime}-trial{self.trial}-{self.digest()}"

    def with_jit_compile(self, jit_compile):
        """The same run with or without XLA."""
        return dataclasses.replace(self, jit_compile=jit_compile)


@dataclasses.dataclass(frozen=True)
class Sharpness(_JsonRoundTrip):
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
class Steepness(_JsonRoundTrip):
    """The choices of one look at how f rises in many directions around a minimizer (section 2.2.2).

    Attributes:
        epsilon: Half-width of the box of Metric 2.1 in the full space, relative to |x_i| + 1.
        directions: Number of random corners of the box.
        blocks: Number of blocks of n / blocks random coordinates each.
        statistics, batch_size: As in `Sharpness`.
        seed: Seeds the corners and the blocks.

    Raises:
        UserError: a value is out of range; the message names it.
    """

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
class Path(_JsonRoundTrip):
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


@dataclasses.dataclass(frozen=True)
class Search(_JsonRoundTrip):
    """The choices of one search for hyperparameters.

    Its trials are runs of one network on one part of the training set; the other part, the validation set,
    gives the accuracy that is optimized. The test set plays no part.

    Attributes:
        network, dataset, architecture, classes, statistics, jit_compile: As in `Run`, of all trials. A remedy
            that XLA cannot compile goes without.
        tuner: "random", "bayesian" or "hyperband", algorithms of keras-tuner.
        objective: "val_accuracy" at the minimizer, as large as possible, or its "sharpness", as small as
            possible: Metric 2.1 in the full space over the part of the training set that was trained on.
        max_trials: Upper bound on the trials; no part of the name: a search can go on with a larger one.
        max_sharpness: With "val_accuracy": only minimizers of at most this sharpness, in percent, are
            admissible; None for no bound.
        epochs: Of every trial; with hyperband, of its longest ones.
        validation_share: Share of the training set that is held out for validation.
        sharpness_epsilon, sharpness_iterations: `epsilon` and `iterations` of each measurement, see `Sharpness`.
        seed: Of the search, the validation set, and the trials' x_0 and order of the examples.
        space: Name of the search space, a `tuning.SearchSpace`.

    Raises:
        UserError: a value is out of range; the message names it.
    """

    network: str
    dataset: str
    tuner: str = "random"
    objective: str = "val_accuracy"
    max_trials: int = 20
    max_sharpness: float | None = None
    epochs: int = 20
    validation_share: float = 0.1
    sharpness_epsilon: float = 1e-3
    sharpness_iterations: int = 3
    seed: int = 0
    statistics: str = "batch"
    architecture: str | None = None
    classes: int | None = None
    jit_compile: bool = False
    space: str = "standard"

    def __post_init__(self):
        require_name("tuner", self.tuner, TUNERS)
        require_name("objective", self.objective, OBJECTIVES)
        for name in ("max_trials", "epochs"):
            require(is_whole(getattr(self, name), 1), name, getattr(self, name), "a whole number of at least 1")
        if self.max_sharpness is not None:
            require(self.objective != "sharpness", "max_sharpness", self.max_sharpness,
                    "none with objective=sharpness, which is minimized already")
            require(is_finite(self.max_sharpness) and self.max_sharpness > 0, "max_sharpness", self.max_sharpness,
                    "a positive number, in percent")
        require(is_finite(self.validation_share) and 0 < self.validation_share < 1, "validation_share",
                self.validation_share, "a number between 0 and 1, both excluded")
        require(is_whole(self.seed, 0), "seed", self.seed, "a whole number of at least 0")
        require(isinstance(self.space, str) and re.fullmatch(r"\w+", self.space), "space", self.space,
                "a name of letters, digits and underscores")
        # What a trial is made of is checked by the run and the measurement themselves.
        object.__setattr__(self, "architecture", self.run(batch_size=1).architecture)
        _ = self.measurement

    @property
    def name(self):
        """The name of the search's folder, such as F1-digits-random-1a2b3c4d."""
        return f"{self.network}-{self.dataset}-{self.tuner}-{dataclasses.replace(self, max_trials=1).digest()}"

    @property
    def measurement(self):
        """The `Sharpness` that is measured of each trial."""
        return Sharpness(epsilon=self.sharpness_epsilon, iterations=self.sharpness_iterations,
                         statistics=self.statistics, seed=self.seed)

    @property
    def direction(self):
        """Whether `score` shall be as large or as small as possible: "max" or "min"."""
        return OBJECTIVES[self.objective]

    def run(self, **choices):
        """A `Run` of this search with these choices; all others are the search's or the defaults."""
        remedy = choices.get("remedy")
        return Run(**{
            "network": self.network, "regime": "grid", "trial": self.seed, "dataset": self.dataset,
            "epochs": self.epochs, "statistics": self.statistics, "architecture": self.architecture,
            "classes": self.classes, "jit_compile": self.jit_compile and (remedy is None or remedy.COMPILES),
            **choices})

    def is_admissible(self, sharpness):
        """Whether a minimizer of this sharpness is within the bound."""
        return self.max_sharpness is None or sharpness <= self.max_sharpness

    def score(self, val_accuracy, sharpness):
        """What the tuner optimizes.

        A minimizer beyond the bound has max_sharpness / sharpness - 1, in (-1, 0): worse than any admissible
        one, whose accuracy is in [0, 1], and the better the nearer to the bound, which leads the tuner there.
        """
        if self.objective == "sharpness":
            return sharpness
        return val_accuracy if self.is_admissible(sharpness) else self.max_sharpness / sharpness - 1
