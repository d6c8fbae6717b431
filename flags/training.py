"""Flags of one training run."""

from absl import flags

from flags import data
from replication import configuration, records
from replication.errors import UserError

_NETWORK = flags.DEFINE_string(
    "network", "F1", "Network of table 1: " + ", ".join(configuration.NETWORKS) + ".")
_ARCHITECTURE = flags.DEFINE_string(
    "architecture", None, "Of C1 to C4: released (the default; the authors' code) or text (the paper's appendix B).")
_REGIME = flags.DEFINE_string(
    "regime", "SB", "SB (the paper: batches of 256) or LB (the paper: 10 % of the training set).")
_TRIAL = flags.DEFINE_integer(
    "trial", 0, "Number of the trial, from 0. SB and LB of a trial share the starting point (the paper: 5 trials).")
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", None, "Examples in a training batch; by default the regime's.")
_EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Exactly so many epochs; by default the run ends when the training loss ceases to improve.")
_MAX_EPOCHS = flags.DEFINE_integer("max_epochs", 200, "Upper bound on the epochs where --epochs is not given.")
_PATIENCE = flags.DEFINE_integer(
    "patience", 10, "Epochs without a sufficient improvement of the training loss after which a run ends.")
_MIN_IMPROVEMENT = flags.DEFINE_float(
    "min_improvement", 0.3, "Relative decrease of the best training loss that counts as an improvement.")
_OPTIMIZER = flags.DEFINE_string(
    "optimizer", "adam", "One of " + ", ".join(configuration.OPTIMIZERS) + " (the paper: adam).")
_LEARNING_RATE = flags.DEFINE_float(
    "learning_rate", None, "Step length of the optimizer; by default Keras's (adam: 1e-3, as in the authors' code).")
_STATISTICS = flags.DEFINE_string(
    "statistics", "batch", "What batch normalization uses in evaluation: batch (as the authors' code) or moving.")
_DETERMINISTIC = flags.DEFINE_bool(
    "deterministic", False, "Op determinism and one intra-op thread: bit-identical repeats of any network, slower.")
_JIT_COMPILE = flags.DEFINE_enum(
    "jit_compile", "auto", ["auto", "on", "off"],
    "Whether XLA compiles the training step; auto: what was measured for the network and the device.")
_CONFIG = flags.DEFINE_string(
    "config", None, "A record's config.json: the same run again; it replaces all flags of the run.")
_TENSORBOARD = flags.DEFINE_bool("tensorboard", False, "Write TensorBoard's files to the run's folder logs.")

_OF_THE_RUN = (_NETWORK, _ARCHITECTURE, _REGIME, _TRIAL, _BATCH_SIZE, _EPOCHS, _MAX_EPOCHS, _PATIENCE,
               _MIN_IMPROVEMENT, _OPTIMIZER, _LEARNING_RATE, _STATISTICS, _DETERMINISTIC, _JIT_COMPILE, data.DATASET)


def run(resolve_jit_compile, describe):
    """The `configuration.Run` that the flags describe.

    Args:
        resolve_jit_compile: Function from the flag's "auto", "on" or "off" and the network's name to
            a truth value; called once everything else is known to be valid.
        describe: Function from a data set's name to its `configuration.Dataset` with nothing left open.

    Raises:
        UserError: a value is out of range, or --config comes with a flag of the run.
    """
    if _CONFIG.value is not None:
        if given := [holder.name for holder in _OF_THE_RUN if holder.present]:
            raise UserError(f"--{given[0]}: --config decides every choice of the run; give one or the other")
        return records.read_configuration(_CONFIG.value)
    configuration.require_name("network", _NETWORK.value, configuration.NETWORKS)
    configuration.require_name("regime", _REGIME.value, configuration.REGIMES)
    configuration.require_name("optimizer", _OPTIMIZER.value, configuration.OPTIMIZERS)
    dataset = data.dataset(default=configuration.NETWORKS[_NETWORK.value].dataset)
    description = describe(dataset)
    batch_size = _batch_size(description)
    configuration.require_batch_size("batch_size", batch_size, description)
    described = configuration.Run(
        network=_NETWORK.value, regime=_REGIME.value, trial=_TRIAL.value, dataset=dataset,
        batch_size=batch_size, classes=configuration.open_classes(dataset, description),
        epochs=_EPOCHS.value, max_epochs=_MAX_EPOCHS.value, patience=_PATIENCE.value,
        min_improvement=_MIN_IMPROVEMENT.value, optimizer=_OPTIMIZER.value,
        learning_rate=_or_default(_LEARNING_RATE.value, configuration.OPTIMIZERS[_OPTIMIZER.value]),
        statistics=_STATISTICS.value, deterministic=_DETERMINISTIC.value, architecture=_ARCHITECTURE.value,
    )
    return described.with_jit_compile(resolve_jit_compile(_JIT_COMPILE.value, described.network))


def tensorboard():
    """Whether TensorBoard's files are asked for."""
    return _TENSORBOARD.value


def _batch_size(description):
    default = configuration.regime_batch_size(configuration.PAPER_BATCH_SIZES[_REGIME.value], description)
    return _or_default(_BATCH_SIZE.value, default)


def _or_default(value, default):
    return default if value is None else value
