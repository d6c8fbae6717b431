"""Flags of one training run."""

from absl import flags

from flags import dataset, distribution, remedy
from replication import catalog, configuration, errors, records
from replication.configuration import presets, schedules
from replication.errors import UserError

_NETWORK = flags.DEFINE_string(
    "network", "F1", "Network of table 1: " + ", ".join(catalog.NETWORKS) + ".")
_ARCHITECTURE = flags.DEFINE_string(
    "architecture", None, "Of C1 to C4: released (the default; the authors' code) or text (the paper's appendix B).")
_REGIME = flags.DEFINE_string(
    "regime", "SB", "SB (the paper: batches of 256), LB (the paper: 10 % of the training set), or grid (any "
    "--batch_size, as in figure 4; such a run enters no table).")
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
    "Whether XLA compiles the training step; auto: what was measured for the network and the device, and off with "
    "--deterministic, and with a remedy or a strategy that XLA cannot compile.")
_DROPOUT = flags.DEFINE_float(
    "dropout", None, "Of C1 to C4: rate of all dropout layers; by default the network's own rates (the paper: 0.5).")
_PRECISION = flags.DEFINE_string(
    "precision", "float32", "Of training: float32, mixed_bfloat16 or mixed_float16. Sharpness is measured of "
    "runs in float32 only.")
_SYNCHRONIZED = flags.DEFINE_bool(
    "synchronized", True, "mirrored: batch normalization's statistics over the whole batch, as on one device, or over "
    "each device's part of it.")
_CONFIG = flags.DEFINE_string(
    "config", None, "A record's config.json: the same run again; it replaces all flags of the run.")
_WARM_START = flags.DEFINE_string(
    "warm_start", None, "RUN:EPOCH, such as F1-SB-trial0-6189c893:7: begin at that iterate of a run of --workdir "
    "(the paper's figure 5), by default at x_0.")
_KEEP_ITERATES = flags.DEFINE_integer(
    "keep_iterates", None, "Keep the weights of every so many epochs; 0: of the epochs 1, 2, 4, 8, ... and the last.")
_TENSORBOARD = flags.DEFINE_bool("tensorboard", False, "Write TensorBoard's files to the run's folder logs.")

_OF_THE_RUN = (_NETWORK, _ARCHITECTURE, _REGIME, _TRIAL, _BATCH_SIZE, _EPOCHS, _MAX_EPOCHS, _PATIENCE,
               _MIN_IMPROVEMENT, _OPTIMIZER, _LEARNING_RATE, _STATISTICS, _DETERMINISTIC, _JIT_COMPILE, _PRECISION,
               _DROPOUT, _SYNCHRONIZED, distribution.STRATEGY, distribution.DEVICES, dataset.DATASET, _WARM_START,
               *remedy.HOLDERS)


def run(resolve_jit_compile, describe):
    """The `configuration.Run` that the flags describe.

    Args:
        resolve_jit_compile: Function from the flag's "auto", "on" or "off" and the network's name to
            a truth value; called once everything else is known to be valid.
        describe: Function from a data set's name to its `catalog.Dataset` with nothing left open.

    Raises:
        UserError: a value is out of range, --config comes with a flag of the run, or an option of a remedy
            without it.
    """
    if _CONFIG.value is not None:
        if given := [holder.name for holder in _OF_THE_RUN if holder.present]:
            raise UserError(f"--{given[0]}: --config decides every choice of the run; give one or the other")
        return records.read_configuration(_CONFIG.value)
    errors.require_name("network", _NETWORK.value, catalog.NETWORKS)
    errors.require_name("regime", _REGIME.value, configuration.REGIMES)
    errors.require_name("optimizer", _OPTIMIZER.value, configuration.OPTIMIZERS)
    chosen = remedy.remedy()
    name = dataset.dataset(default=catalog.NETWORKS[_NETWORK.value].dataset)
    description = describe(name)
    batch_size = _batch_size(description)
    catalog.require_batch_size("batch_size", batch_size, description)
    described = configuration.Run(
        network=_NETWORK.value, regime=_REGIME.value, trial=_TRIAL.value, dataset=name,
        batch_size=batch_size, classes=catalog.open_classes(name, description),
        epochs=_EPOCHS.value, max_epochs=_MAX_EPOCHS.value, patience=_PATIENCE.value,
        min_improvement=_MIN_IMPROVEMENT.value, optimizer=_OPTIMIZER.value,
        learning_rate=_or_default(_LEARNING_RATE.value, configuration.OPTIMIZERS[_OPTIMIZER.value]),
        statistics=_STATISTICS.value, deterministic=_DETERMINISTIC.value, architecture=_ARCHITECTURE.value,
        precision=_PRECISION.value, remedy=chosen, start=_start(), dropout=_DROPOUT.value, distribution=_distribution(),
    )
    cannot = (described.deterministic or described.distribution is not None
              or chosen is not None and not chosen.COMPILES)
    if cannot and _JIT_COMPILE.value == "auto":
        return described
    return described.with_jit_compile(resolve_jit_compile(_JIT_COMPILE.value, described.network))


def kept_schedules():
    """The schedules of the iterates to keep, as `training.train` takes them.

    Raises:
        UserError: the number is out of range.
    """
    if _KEEP_ITERATES.value is None:
        return ()
    schedules.require_schedule("keep_iterates", _KEEP_ITERATES.value)
    return (_KEEP_ITERATES.value,)


def tensorboard():
    """Whether TensorBoard's files are asked for."""
    return _TENSORBOARD.value


def _distribution():
    if _SYNCHRONIZED.present and distribution.STRATEGY.value != "mirrored":
        raise UserError("--synchronized: of use with --strategy=mirrored only")
    number = distribution.number()
    return None if number is None else configuration.Distribution(number, _SYNCHRONIZED.value)


def _start():
    if _WARM_START.value is None:
        return None
    name, _, epoch = _WARM_START.value.rpartition(":")
    errors.require(name and epoch.isdecimal(), "warm_start", _WARM_START.value,
                       "RUN:EPOCH, such as F1-SB-trial0-6189c893:7")
    return configuration.Start(name, int(epoch))


def _batch_size(description):
    if _BATCH_SIZE.value is not None:
        return _BATCH_SIZE.value
    if _REGIME.value not in presets.PAPER_BATCH_SIZES:
        raise UserError(f"--batch_size: required with --regime={_REGIME.value}, which has none of its own")
    return catalog.regime_batch_size(presets.PAPER_BATCH_SIZES[_REGIME.value], description)


def _or_default(value, default):
    return default if value is None else value
