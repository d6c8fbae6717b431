"""The choices of one training run."""

import dataclasses
import re

from replication import remedies
from replication.catalog import DATASETS, NETWORKS, require_batch_size
from replication.configuration.fields import STATISTICS, JsonRoundTrip, added
from replication.errors import is_finite, is_whole, require, require_name

# "grid" is any other batch size: figure 4's, and in no table.
REGIMES = ("SB", "LB", "grid")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# With Keras's default learning rates; "momentum" is SGD with a momentum of 0.9.
OPTIMIZERS = {"adam": 1e-3, "sgd": 1e-2, "momentum": 1e-2, "adagrad": 1e-3}
_RUN_NAME = re.compile(r"(\w+)-(SB|LB|grid)-trial(\d+)-[0-9a-f]{8}")


@dataclasses.dataclass(frozen=True)
class Start(JsonRoundTrip):
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
class Distribution(JsonRoundTrip):
    """Several devices for one run, by `tf.distribute.MirroredStrategy`: each takes an equal part of every batch.

    Attributes:
        devices: Their number: GPUs, or equal parts of a processor.
        synchronized: Whether batch normalization takes its statistics over all parts of a batch, as one device
            would, or over each part on its own, in training and in the evaluations that training makes.

    Raises:
        UserError: a value is out of range.
    """

    devices: int
    synchronized: bool = True

    def __post_init__(self):
        require(is_whole(self.devices, 2), "devices", self.devices, "a whole number of at least 2")
        require(isinstance(self.synchronized, bool), "synchronized", self.synchronized, "true or false")

    @property
    def label(self):
        """One line for readers, such as "2 devices"."""
        return f"{self.devices} devices" + ("" if self.synchronized else ", each with batch statistics of its own")

    def check_run(self, run):
        """Raises a UserError unless MirroredStrategy can train a run."""
        self.check_batches(run.batch_size, DATASETS[run.dataset].training_size)
        require(not run.jit_compile, "jit_compile", run.jit_compile,
                "false with strategy=mirrored, which XLA cannot compile")
        require(run.remedy is None, "remedy", run.remedy and run.remedy.NAME,
                "none with strategy=mirrored, which trains without")
        require(self.synchronized or run.statistics == "batch", "statistics", run.statistics,
                "batch without synchronized batch statistics: each device has moving averages of its own")
        require(run.precision != "mixed_float16", "precision", run.precision,
                "float32 or mixed_bfloat16 with strategy=mirrored, under which the loss cannot be scaled")

    def check_batches(self, batch_size, training_size):
        """Raises a UserError where a batch has fewer examples than there are devices; a size of None is not known."""
        require(batch_size >= self.devices, "batch_size", batch_size,
                f"at least {self.devices}, an example for each device")
        last = training_size and training_size % batch_size
        require(not last or last >= self.devices, "batch_size", batch_size,
                f"another one, as the last batch of an epoch has {last} of the {training_size} examples, fewer than "
                f"the {self.devices} devices")


@dataclasses.dataclass(frozen=True)
class Run(JsonRoundTrip):
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
        distribution: Several devices, a `Distribution`; None for one.

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
    precision: str = added("float32")
    remedy: remedies.Remedy | None = None
    start: Start | None = None
    dropout: float | None = None
    distribution: Distribution | None = None

    def __post_init__(self):
        require_name("network", self.network, NETWORKS)
        require_name("regime", self.regime, REGIMES)
        require(is_whole(self.trial, 0) and self.trial < 2**31, "trial", self.trial,
                "a whole number from 0 to 2^31 - 1")
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
        require(not (self.deterministic and self.jit_compile), "jit_compile", self.jit_compile,
                "false with deterministic, with which Keras does not use XLA")
        if known.classes is None:
            require(is_whole(self.classes, 1), "classes", self.classes, "the number of classes of the prepared data")
        else:
            require(self.classes is None, "classes", self.classes, f"none, as {self.dataset} has {known.classes}")
        require_name("precision", self.precision, PRECISIONS)
        if self.remedy is not None:
            self.remedy.check_run(self)
        if self.distribution is not None:
            self.distribution.check_run(self)
        if self.start is not None:
            name, _, trial = _RUN_NAME.fullmatch(self.start.run).groups()
            require((name, int(trial)) == (self.network, self.trial), "start.run", self.start.run,
                    f"a run of {self.network}, trial {self.trial}")

    @classmethod
    def from_json(cls, fields):
        """As in the base class, for the nested remedy, start and distribution as well."""
        nested = {"remedy": remedies.from_json, "start": Start.from_json, "distribution": Distribution.from_json}
        return super().from_json({name: nested[name](value) if name in nested and value is not None else value
                                  for name, value in fields.items()})

    @property
    def name(self):
        """The name of the run's folder, such as F1-SB-trial0-1a2b3c4d."""
        return f"{self.network}-{self.regime}-trial{self.trial}-{self.digest()}"

    def with_jit_compile(self, jit_compile):
        """The same run with or without XLA."""
        return dataclasses.replace(self, jit_compile=jit_compile)
