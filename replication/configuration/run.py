"""The choices of one training run."""

import dataclasses
import re

from replication import remedies
from replication.catalog import ARCHITECTURES, DATASETS, NETWORKS, require_batch_size
from replication.configuration.measurements import BATCH_SIZE, STATISTICS
from replication.errors import is_whole, require
from replication.fields import REQUIRED, Configuration, boolean, choice, number, one_of, whole

# "grid" is any other batch size: figure 4's, and in no table.
REGIMES = ("SB", "LB", "grid")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# With the default learning rates of Keras 1, which for all but ADAGRAD are those of today; "momentum" is SGD with a
# momentum of 0.9.
OPTIMIZERS = {"adam": 1e-3, "sgd": 1e-2, "momentum": 1e-2, "adagrad": 1e-2}
KERNEL_INITIALIZERS = ("glorot_uniform", "uniform_0.05", "he_uniform")
# When a run without --epochs ends.
STOPS = ("ceased", "accuracy", "loss")
# By name, see `losses`.
TRAINING_LOSSES = ("cross_entropy", "label_smoothing", "mean_squared_error")
_RUN_NAME = re.compile(r"(\w+)-(SB|LB|grid)-trial(\d+)-[0-9a-f]{8}")


@dataclasses.dataclass(frozen=True)
class Start(Configuration):
    """A starting point other than x_0: an iterate of another run, as in figure 5.

    Raises:
        UserError: a value is out of range, or the name is no run's.
    """

    run: str = choice(REQUIRED, "Name of the other run, such as F1-SB-trial0-1a2b3c4d.")
    epoch: int | None = whole(
        None, "Number of its epochs after which the iterate was kept; by default the minimizer.", name="start.epoch")

    def __post_init__(self):
        super().__post_init__()
        require(isinstance(self.run, str) and _RUN_NAME.fullmatch(self.run), "start.run", self.run,
                "the name of a run, such as F1-SB-trial0-1a2b3c4d")

    @property
    def label(self):
        """The starting point for readers, such as "epoch 7 of F1-SB-trial0-1a2b3c4d"."""
        return f"{'the minimizer' if self.epoch is None else f'epoch {self.epoch}'} of {self.run}"


@dataclasses.dataclass(frozen=True)
class Distribution(Configuration):
    """Several devices for one run, by `tf.distribute.MirroredStrategy`: each takes an equal part of every batch.

    Raises:
        UserError: a value is out of range.
    """

    devices: int = whole(REQUIRED, "Number of devices: GPUs, or equal parts of a processor.", at_least=2)
    synchronized: bool = boolean(
        True, "With --strategy=mirrored: whether batch normalization takes its statistics over the whole batch, as one "
        "device does, or over each device's part of it, in training and in the evaluations that training makes.")

    @property
    def label(self):
        """The devices for readers, such as "2 devices"."""
        return f"{self.devices} devices" + ("" if self.synchronized else ", each with batch statistics of its own")

    def check_run(self, run):
        """Raises a UserError unless MirroredStrategy can train a run."""
        self.check_batches(run.batch_size, DATASETS[run.dataset].training_size)
        require(not run.jit_compile, "jit_compile", run.jit_compile,
                "false with strategy=mirrored, which XLA cannot compile")
        require(not run.recompute, "recompute", run.recompute,
                "false with strategy=mirrored, which divides the activations between the devices")
        require(run.remedy is None, "remedy", run.remedy and run.remedy.NAME,
                "none with strategy=mirrored, which supports no remedy")
        require(self.synchronized or run.statistics == "batch", "statistics", run.statistics,
                "batch without synchronized batch statistics: each device has moving averages of its own")
        require(self.synchronized or not run.without_normalization, "synchronized", self.synchronized,
                "true for a network without normalization, which has no batch statistics")
        require(run.precision != "mixed_float16", "precision", run.precision,
                "float32 or mixed_bfloat16 with strategy=mirrored, under which the loss cannot be scaled")

    def check_batches(self, batch_size, training_size):
        """Raises a UserError if a batch has fewer examples than there are devices; a size of None is not known."""
        require(batch_size >= self.devices, "batch_size", batch_size,
                f"at least {self.devices}, an example for each device")
        last = training_size and training_size % batch_size
        require(not last or last >= self.devices, "batch_size", batch_size,
                f"another one, as the last batch of an epoch has {last} of the {training_size} examples, fewer than "
                f"the {self.devices} devices")


@dataclasses.dataclass(frozen=True)
class Run(Configuration):
    """One training run, with every choice resolved that affects its outcome.

    Raises:
        UserError: a value is out of range; the message names it.
    """

    network: str = one_of(NETWORKS, REQUIRED, "Network of table 1.")
    regime: str = one_of(
        REGIMES, REQUIRED, "The label under which the run enters the tables: SB (the paper: batches of 256), LB (the "
        "paper: 10 % of the training set), or grid (any --batch_size, as in figure 4; such a run enters no table).")
    trial: int = whole(
        REQUIRED, "Number of the trial, from 0 (the paper: 5 trials). It decides x_0, which SB and LB of a trial "
        "share, and with the epoch the order of the examples.", at_most=2**31 - 1,
        expected="a whole number from 0 to 2^31 - 1")
    dataset: str = one_of(DATASETS, REQUIRED, "Data set; with --network, by default its own, as in the paper.")
    batch_size: int = whole(REQUIRED, "Examples in a training batch, by default those of the regime; a last partial "
                            "batch is kept.", at_least=1)
    statistics: str = one_of(
        STATISTICS, "batch",
        "Statistics that batch normalization uses in evaluation: batch (as the authors' code) or moving.")
    optimizer: str = one_of(
        OPTIMIZERS, "adam", "Optimizer (the paper: adam), with Keras's defaults except for the learning rate and "
        "ADAM's epsilon; adagrad as in Keras 1 (accumulators from 0, epsilon 1e-8).")
    learning_rate: float = number(
        1e-3, "Step length of the optimizer; by default that of Keras 1 (adam: 1e-3, as in the authors' code).",
        above=0)
    epochs: int | None = whole(
        None, "Number of epochs; by default the run ends when the training loss ceases to improve.")
    max_epochs: int = whole(200, "Upper bound on the epochs if --epochs is not given.", at_least=1)
    patience: int = whole(
        10, "Epochs without a sufficient improvement of the training loss after which a run ends.", at_least=1)
    min_improvement: float = number(
        0.3, "Relative decrease of the training loss, from that of the last epoch that improved, that counts as an "
        "improvement.", at_least=0, below=1, expected="a number in [0, 1)")
    evaluation_batch_size: int = whole(
        BATCH_SIZE, "Upper bound of the batches in which accuracies and f are evaluated.", at_least=1)
    deterministic: bool = boolean(
        False, "Use TensorFlow's op determinism and one intra-op thread: bit-identical repeats of any network, slower.")
    jit_compile: bool = boolean(False, "Compile the training step with XLA.")
    architecture: str | None = one_of(
        ARCHITECTURES, None, "Form of C1 to C4: released (the default; the authors' code) or text (the paper's "
        "appendix B).")
    classes: int | None = choice(None, "Number of classes of a data set for which only the prepared data can tell.")
    precision: str = one_of(
        PRECISIONS, "float32", "Keras's dtype policy in training. Sharpness is measured only for runs in float32.",
        added=True)
    remedy: remedies.Remedy | None = choice(
        None, "A way of training that may help large batches (section 4 and appendix E). Options of a remedy begin "
        "with its name.", from_json=remedies.from_json)
    start: Start | None = choice(None, "The iterate of another run at which the run starts; by default x_0.",
                                 from_json=Start.from_json)
    dropout: float | None = number(
        None, "Rate of all dropout layers of C1 to C4; by default the network's own rates (the paper: 0.5).",
        at_least=0, below=1, expected="a number in [0, 1)")
    distribution: Distribution | None = choice(None, "Several devices; by default one.",
                                               from_json=Distribution.from_json)
    kernel_initializer: str = one_of(
        KERNEL_INITIALIZERS, "glorot_uniform", "Distribution of the initial kernels (the paper: uniform): "
        "glorot_uniform (Keras's default), uniform_0.05 (Keras 1's \"uniform\", on [-0.05, 0.05]) or he_uniform.",
        added=True)
    normalization_epsilon: float = number(
        1e-3, "Batch normalization's epsilon (Keras: 1e-3; the authors' Keras 1: 1e-5).", above=0, added=True)
    adam_epsilon: float = number(1e-7, "ADAM's epsilon (Keras: 1e-7; the authors' Keras 1: 1e-8).", above=0, added=True)
    stop: str = one_of(
        STOPS, "ceased", "End of a run without --epochs: ceased (the training loss ceases to improve), accuracy (the "
        "training accuracy, evaluated as in result.json, reaches the target accuracy, or the loss ceases to improve) "
        "or loss (the training loss, evaluated so, falls to the target loss, or ceases to improve).", added=True)
    target_accuracy: float | None = number(
        None, "Training accuracy in percent; result.json tells the first epoch after which it is reached.", above=0,
        at_most=100)
    min_epochs: int = whole(0, "Lower bound on the epochs if --epochs is not given.", added=True)
    target_loss: float | None = number(None, "Training loss at which a run with --stop=loss ends.", above=0)
    training_loss: str = one_of(
        TRAINING_LOSSES, "cross_entropy", "The loss f (the paper: cross-entropy): cross_entropy, label_smoothing "
        "(cross-entropy to labels that spread 0.1 over all classes) or mean_squared_error (over the classes).",
        added=True)
    kernel_scale: float = number(1.0, "Factor on all initial kernels.", above=0, added=True)
    without_normalization: bool = boolean(False, "Leave out batch normalization.")
    recompute: bool = boolean(
        False, "Recompute the activations of a convolutional network in the backward pass (gradient checkpointing): C2 "
        "and C4 need 2.1 MB an example instead of 3.3, and 5/4 of the time, for the same gradients but for rounding.")

    def __post_init__(self):
        super().__post_init__()
        known, network = DATASETS[self.dataset], NETWORKS[self.network]
        network.require_input_shape(known.input_shape)
        object.__setattr__(self, "architecture", network.resolve_architecture(self.architecture))
        network.require_dropout(self.dropout)
        network.require_recomputation(self.recompute)
        require_batch_size("batch_size", self.batch_size, known)
        require(not (self.deterministic and self.jit_compile), "jit_compile", self.jit_compile,
                "false with deterministic, with which Keras does not use XLA")
        if known.classes is None:
            require(is_whole(self.classes, 1), "classes", self.classes, "the number of classes of the prepared data")
        else:
            require(self.classes is None, "classes", self.classes, f"none, as {self.dataset} has {known.classes}")
        if self.remedy is not None:
            self.remedy.check_run(self)
        require(self.epochs is None or self.stop == "ceased", "stop", self.stop, "ceased (the default) with epochs, "
                                                                                 "which alone decides when the run "
                                                                                 "ends")
        require(self.stop != "accuracy" or self.target_accuracy is not None, "target_accuracy", self.target_accuracy,
                "a number with stop=accuracy")
        require(self.stop == "loss" or self.target_loss is None, "target_loss", self.target_loss,
                "none without stop=loss")
        require(self.stop != "loss" or self.target_loss is not None, "target_loss", self.target_loss,
                "a number with stop=loss")
        require(self.min_epochs <= self.max_epochs, "min_epochs", self.min_epochs,
                f"at most max_epochs={self.max_epochs}")
        require(self.adam_epsilon == 1e-7 or self.optimizer == "adam", "adam_epsilon", self.adam_epsilon,
                f"none with optimizer={self.optimizer}")
        if self.distribution is not None:
            self.distribution.check_run(self)
        if self.start is not None:
            name, _, trial = _RUN_NAME.fullmatch(self.start.run).groups()
            require((name, int(trial)) == (self.network, self.trial), "start.run", self.start.run,
                    f"a run of {self.network}, trial {self.trial}")

    @property
    def name(self):
        """The name of the run's folder, such as F1-SB-trial0-1a2b3c4d."""
        return f"{self.network}-{self.regime}-trial{self.trial}-{self.digest()}"

    def with_jit_compile(self, jit_compile):
        """The same run with or without XLA."""
        return dataclasses.replace(self, jit_compile=jit_compile)

    def differences(self, other):
        """The names of the choices in which another run differs, apart from the trial, XLA and recomputation."""
        return {field.name for field in dataclasses.fields(self)
                if getattr(self, field.name) != getattr(other, field.name)} - {"trial", "jit_compile", "recompute"}

    @property
    def peculiarities(self):
        """What tells the run from a plain run of its network, regime and data set, as text; "" if nothing does.

        What presets decide is left to `presets.peculiarities`.
        """
        usual_rate = OPTIMIZERS[self.optimizer]
        return ", ".join(filter(None, (
            self.architecture if self.architecture not in (None, ARCHITECTURES[0]) else None,
            self.remedy and self.remedy.label,
            self.optimizer if self.optimizer != "adam" else None,
            None if self.learning_rate == usual_rate else f"learning rate {self.learning_rate:g}",
            "moving averages" if self.statistics == "moving" else None,
            self.precision if self.precision != "float32" else None,
            None if self.dropout is None else f"dropout {self.dropout:g}",
            None if self.kernel_initializer == KERNEL_INITIALIZERS[0] else f"kernels {self.kernel_initializer}",
            None if self.normalization_epsilon == 1e-3 else f"normalization epsilon {self.normalization_epsilon:g}",
            None if self.adam_epsilon == 1e-7 else f"ADAM epsilon {self.adam_epsilon:g}",
            f"to a training accuracy of {self.target_accuracy:g} %" if self.stop == "accuracy" else None,
            None if self.target_accuracy is None or self.stop == "accuracy" else (
                f"target accuracy {self.target_accuracy:g} %"),
            f"to a training loss of {self.target_loss:g}" if self.stop == "loss" else None,
            None if self.training_loss == "cross_entropy" else self.training_loss.replace("_", " "),
            None if self.kernel_scale == 1 else f"initial kernels × {self.kernel_scale:g}",
            "without normalization" if self.without_normalization else None,
            f"at least {self.min_epochs} epochs" if self.min_epochs else None,
            None if self.epochs is None else f"exactly {self.epochs} epochs",
            self.start and f"from {self.start.label}",
            self.distribution and self.distribution.label,
            "deterministic" if self.deterministic else None,
            "activations recomputed" if self.recompute else None)))
