"""Flags of a search for hyperparameters."""

from absl import flags

from flags import dataset
from replication import catalog, configuration, errors

_NETWORK = flags.DEFINE_string("network", "F1", "Network of table 1: " + ", ".join(catalog.NETWORKS) + ".")
_ARCHITECTURE = flags.DEFINE_string(
    "architecture", None, "Of C1 to C4: released (the default; the authors' code) or text (the paper's appendix B).")
_TUNER = flags.DEFINE_string("tuner", "random", "Algorithm: " + ", ".join(configuration.TUNERS) + ".")
_OBJECTIVE = flags.DEFINE_string(
    "objective", "val_accuracy", "What is optimized: val_accuracy (as large as possible), or sharpness (Metric 2.1 in "
    "the full space, as small as possible).")
_MAX_SHARPNESS = flags.DEFINE_float(
    "max_sharpness", None, "With --objective=val_accuracy: the sharpness, in percent, beyond which no minimizer is "
    "admissible.")
_MAX_TRIALS = flags.DEFINE_integer(
    "max_trials", 20, "Upper bound on the trials; a search that is done goes on with a larger one.")
_EPOCHS = flags.DEFINE_integer("epochs", 20, "Epochs of each trial; with --tuner=hyperband, of the longest ones.")
_VALIDATION_SHARE = flags.DEFINE_float(
    "validation_share", 0.1, "Share of the training set that is held out for validation. The test set is not touched.")
_SHARPNESS_EPSILON = flags.DEFINE_float("sharpness_epsilon", 1e-3, "Size of the box of Metric 2.1.")
_SHARPNESS_ITERATIONS = flags.DEFINE_integer(
    "sharpness_iterations", 3, "Iterations of L-BFGS-B in each trial's measurement (the paper's tables: 10).")
_STATISTICS = flags.DEFINE_string(
    "statistics", "batch", "What batch normalization uses in evaluation: batch (as the authors' code) or moving.")
_SEED = flags.DEFINE_integer(
    "seed", 0, "Of the search, the validation set, and every trial's starting point and order of the examples.")
_JIT_COMPILE = flags.DEFINE_enum(
    "jit_compile", "auto", ["auto", "on", "off"],
    "Whether XLA compiles the training step; auto: what was measured for the network and the device. Off with a remedy "
    "that XLA cannot compile.")


def search(resolve_jit_compile, describe):
    """The `configuration.Search` that the flags describe.

    Args:
        resolve_jit_compile: Function from the flag's "auto", "on" or "off" and the network's name to a truth value;
            called once everything else is known to be valid.
        describe: Function from a data set's name to its `catalog.Dataset` with nothing left open.

    Raises:
        UserError: a value is out of range, or does not go with another.
    """
    errors.require_name("network", _NETWORK.value, catalog.NETWORKS)
    name = dataset.dataset(default=catalog.NETWORKS[_NETWORK.value].dataset)
    choices = {
        "network": _NETWORK.value, "dataset": name, "architecture": _ARCHITECTURE.value, "tuner": _TUNER.value,
        "objective": _OBJECTIVE.value, "max_sharpness": _MAX_SHARPNESS.value, "max_trials": _MAX_TRIALS.value,
        "epochs": _EPOCHS.value, "validation_share": _VALIDATION_SHARE.value,
        "sharpness_epsilon": _SHARPNESS_EPSILON.value, "sharpness_iterations": _SHARPNESS_ITERATIONS.value,
        "statistics": _STATISTICS.value, "seed": _SEED.value,
        "classes": catalog.open_classes(name, describe(name)),
    }
    configuration.Search(**choices)
    return configuration.Search(**choices, jit_compile=resolve_jit_compile(_JIT_COMPILE.value, _NETWORK.value))
