"""Every choice of an experiment as frozen, validated, JSON-ready values; and the two presets."""

import dataclasses
import hashlib
import json
import math

from replication.errors import UserError

REGIMES = ("SB", "LB")
STATISTICS = ("batch", "moving")
ARCHITECTURES = ("released", "text")
OPTIMIZERS = {"adam": 1e-3, "sgd": 1e-2, "adagrad": 1e-3}
SUBSPACE_DISTRIBUTIONS = ("normal", "uniform")
PATHS = ("linear",)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """The shape of a data set: what must be known of it before it is loaded.

    Attributes:
        training_size, test_size: Numbers of examples; None where only the prepared data tell
            (`data.describe`).
        input_shape: Shape of one input, without the batch.
        classes: Number of classes; labels are 0 ... classes - 1. None as for the sizes.
        synthetic: Whether a generator made it; reports say so wherever they name it.
    """

    training_size: int | None
    test_size: int | None
    input_shape: tuple
    classes: int | None
    synthetic: bool = False


@dataclasses.dataclass(frozen=True)
class Network:
    """A row of the paper's table 1: the data set of a network and the shape the paper builds it with.

    Attributes:
        name: Its name in the paper.
        dataset: Name of its data set.
        input_shape: Shape of one input, without the batch.
        classes: Number of classes.
        architectures: Where the paper's text and the authors' code build different networks, the names
            of both, the default first; otherwise empty.
    """

    name: str
    dataset: str
    input_shape: tuple
    classes: int
    architectures: tuple = ()

    def resolve_architecture(self, architecture):
        """`architecture` itself, or for None the default; None for a network that has only one.

        Raises:
            UserError: it is unknown, or there is no choice.
        """
        if not self.architectures:
            require(architecture is None, "architecture", architecture, f"none, {self.name} has only one")
            return None
        if architecture is None:
            return self.architectures[0]
        require_name("architecture", architecture, self.architectures)
        return architecture

    def require_input_shape(self, input_shape):
        """Raises a UserError unless the network can be built for this shape of one input."""
        require(len(self.input_shape) == 1 or len(input_shape) == 3, "input_shape", tuple(input_shape),
                f"height, width and channels of an image, which {self.name} convolves")


DATASETS = {
    "digits": Dataset(training_size=1437, test_size=360, input_shape=(8, 8, 1), classes=10),
    "digits32": Dataset(training_size=1437, test_size=360, input_shape=(32, 32, 3), classes=10),
    "mnist": Dataset(training_size=60_000, test_size=10_000, input_shape=(28, 28, 1), classes=10),
    "cifar10": Dataset(training_size=50_000, test_size=10_000, input_shape=(32, 32, 3), classes=10),
    "cifar100": Dataset(training_size=50_000, test_size=10_000, input_shape=(32, 32, 3), classes=100),
    "timit": Dataset(training_size=None, test_size=None, input_shape=(360,), classes=None),
    "timit_shaped": Dataset(training_size=None, test_size=None, input_shape=(360,), classes=1973, synthetic=True),
}

NETWORKS = {network.name: network for network in (
    Network("F1", dataset="mnist", input_shape=(784,), classes=10),
    Network("F2", dataset="timit", input_shape=(360,), classes=1973),
    Network("C1", dataset="cifar10", input_shape=(32, 32, 3), classes=10, architectures=ARCHITECTURES),
    Network("C2", dataset="cifar10", input_shape=(32, 32, 3), classes=10, architectures=ARCHITECTURES),
    Network("C3", dataset="cifar100", input_shape=(32, 32, 3), classes=100, architectures=ARCHITECTURES),
    Network("C4", dataset="cifar100", input_shape=(32, 32, 3), classes=100, architectures=ARCHITECTURES),
)}


def dataset_label(name):
    """A data set's name for readers, who are told where it is synthetic."""
    synthetic = name in DATASETS and DATASETS[name].synthetic
    return f"{name} (synthetic)" if synthetic else name


def require(condition, name, value, expected):
    """Raises a UserError that names the argument, the value received and what would be right."""
    if not condition:
        raise UserError(f"{name}={value!r}: expected {expected}")


def is_whole(value, at_least):
    """Whether `value` is an integer (no bool) of at least `at_least`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= at_least


def is_finite(value):
    """Whether `value` is a finite real number (no bool)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


class _JsonRoundTrip:
    """Conversion of a flat frozen dataclass to a JSON object and back."""

    def to_json(self):
        """The fields as a JSON-ready dictionary."""
        return dataclasses.asdict(self)

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

        Options not taken (None or False) are left out, so that an option added later leaves the
        digits of older records alone.
        """
        taken = {name: value for name, value in self.to_json().items()
                 if value is not None and value is not False}
        canonical = json.dumps(taken, sort_keys=True, allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:8]


@dataclasses.dataclass(frozen=True)
class Run(_JsonRoundTrip):
    """One training run, with every choice resolved that affects its outcome.

    Attributes:
        network: A name of table 1.
        regime: "SB" or "LB": the label under which the run enters the tables.
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

    def __post_init__(self):
        require_name("network", self.network, NETWORKS)
        require_name("regime", self.regime, REGIMES)
        require(is_whole(self.trial, 0), "trial", self.trial, "a whole number of at least 0")
        require_name("dataset", self.dataset, DATASETS)
        known = DATASETS[self.dataset]
        network = NETWORKS[self.network]
        network.require_input_shape(known.input_shape)
        object.__setattr__(self, "architecture", network.resolve_architecture(self.architecture))
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

    @property
    def name(self):
        """The name of the measurement's record, such as full-0.001-1a2b3c4d."""
        space = f"subspace{self.subspace_dim}" if self.subspace_dim else "full"
        return f"{space}-{self.epsilon:g}-{self.digest()}"


@dataclasses.dataclass(frozen=True)
class Path(_JsonRoundTrip):
    """The choices of one parametric plot between the minimizers of an SB and an LB run (figure 3).

    Attributes:
        kind: "linear": alpha x_l* + (1 - alpha) x_s*.
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
class Preset:
    """A set-up of the whole replication.

    Attributes:
        datasets: By network, the name of its data set; None for each network's own.
        batch_sizes: By regime, a number of examples or a fraction of the training set.
        trials: Trials of each network and regime.
        max_epochs, patience, min_improvement: The stopping rule, as in `Run`.
        networks: The networks it runs.
        epsilons, subspace_dims: The measurements of tables 3 and 4.
        iterations: As in `Sharpness`.
        subspace_starts: Starts of the maximizer in a subspace; None for the default of `Sharpness`.
        points: As in `Path`.
    """

    datasets: dict | None
    batch_sizes: dict
    trials: int
    max_epochs: int
    patience: int
    min_improvement: float
    networks: tuple
    epsilons: tuple = (1e-3, 5e-4)
    subspace_dims: tuple = (0, 100)
    iterations: int = 10
    subspace_starts: int | None = None
    points: int = 25

    def dataset(self, network):
        """The name of a network's data set in this preset."""
        return NETWORKS[network].dataset if self.datasets is None else self.datasets[network]

    def run(self, network, regime, trial, *, jit_compile, architecture=None, describe=DATASETS.__getitem__):
        """The resolved configuration of one run of this preset.

        Args:
            network, regime, trial, jit_compile, architecture: As in `Run`.
            describe: Function from a data set's name to its `Dataset` with nothing left open.
        """
        require_name("network", network, NETWORKS)
        dataset = self.dataset(network)
        description = describe(dataset)
        return Run(
            network=network, regime=regime, trial=trial, dataset=dataset,
            batch_size=regime_batch_size(self.batch_sizes[regime], description),
            classes=open_classes(dataset, description),
            max_epochs=self.max_epochs, patience=self.patience, min_improvement=self.min_improvement,
            jit_compile=jit_compile, architecture=architecture,
        )


PAPER_BATCH_SIZES = {"SB": 256, "LB": 0.1}

PRESETS = {
    "paper": Preset(
        datasets=None, batch_sizes=PAPER_BATCH_SIZES, trials=5,
        max_epochs=200, patience=10, min_improvement=0.3, networks=tuple(NETWORKS),
    ),
    "quick": Preset(
        datasets={name: "digits" if len(network.input_shape) == 1 else "digits32"
                  for name, network in NETWORKS.items()},
        batch_sizes={"SB": 8, "LB": 0.1}, trials=2,
        max_epochs=40, patience=5, min_improvement=0.3, networks=("F1",), subspace_starts=2,
    ),
}


def regime_batch_size(size, description):
    """A batch size as a number of examples: `size` itself, or that fraction of a `Dataset`'s training set."""
    return size if isinstance(size, int) else max(1, round(size * description.training_size))


def open_classes(dataset, description):
    """`Run.classes` for a data set that is described by `description`: None where `DATASETS` tells them."""
    return description.classes if DATASETS[dataset].classes is None else None


def require_name(name, value, known):
    """Raises a UserError unless `value` is one of the `known` names."""
    require(isinstance(value, str) and value in known, name, value, "one of " + ", ".join(known))


def require_batch_size(name, value, description):
    """Raises a UserError unless `value` is a batch size that a `Dataset`'s training set admits, where known."""
    size = description.training_size
    expected = "of at least 1" if size is None else f"from 1 to {size}, the size of the training set"
    require(is_whole(value, 1) and (size is None or value <= size), name, value, f"a whole number {expected}")
