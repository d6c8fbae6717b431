"""Flags of the sharpness measurements."""

from absl import flags

from replication import configuration
from replication.errors import UserError

_MODEL = flags.DEFINE_string(
    "model", None, "A .keras file to measure on --dataset, in place of the minimizers of --workdir.")
_EPSILON = flags.DEFINE_list(
    "epsilon", ["1e-3", "5e-4"], "Sizes of the box, separated by commas (the paper: 1e-3 and 5e-4).")
_SUBSPACE_DIM = flags.DEFINE_list(
    "subspace_dim", ["0", "100"],
    "Dimensions p of the random subspace, separated by commas; 0: the full space (the paper: 0 and 100).")
_SUBSPACE_DISTRIBUTION = flags.DEFINE_string(
    "subspace_distribution", "normal", "Entries of A: normal, N(0, 1), or uniform on [-1, 1] (the paper: not stated).")
_STATISTICS = flags.DEFINE_string(
    "statistics", "batch", "What batch normalization uses in f: batch (as the authors' code) or moving.")
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 5000, "Upper bound of the equal batches in which f is evaluated (the authors' code: 5000).")
_FROM_LOGITS = flags.DEFINE_bool("from_logits", False, "Whether --model returns logits in place of probabilities.")
_ITERATIONS = flags.DEFINE_integer("iterations", 10, "Iterations of L-BFGS-B from each start (the paper: 10).")
_STARTS = flags.DEFINE_integer(
    "starts", None, "Starts of the maximizer; by default 1 in the full space and 4 in a subspace.")
_EXAMPLES = flags.DEFINE_integer(
    "examples", None, "Measure f over that many examples only, a fixed random choice of the training set. Such "
    "values enter no table: the metric is over the whole set.")


def model():
    """The user's model file, or None."""
    return _MODEL.value


def from_logits():
    """Whether the user's model returns logits."""
    return _FROM_LOGITS.value


def choices(seed):
    """A `configuration.Sharpness` for each subspace dimension and epsilon.

    Args:
        seed: Of A and the random starts; the experiments take the number of the trial.

    Raises:
        UserError: a value is no number or out of range.
    """
    return [
        configuration.Sharpness(
            epsilon=epsilon, subspace_dim=dimension, subspace_distribution=_SUBSPACE_DISTRIBUTION.value,
            statistics=_STATISTICS.value, batch_size=_BATCH_SIZE.value, iterations=_ITERATIONS.value,
            starts=_STARTS.value, seed=seed, examples=_EXAMPLES.value)
        for dimension in _numbers(_SUBSPACE_DIM, int, "whole numbers")
        for epsilon in _numbers(_EPSILON, float, "numbers")
    ]


def _numbers(holder, convert, kind):
    if not holder.value:
        raise UserError(f"--{holder.name}: empty; expected {kind} separated by commas")
    try:
        return [convert(text) for text in holder.value]
    except ValueError:
        raise UserError(f"--{holder.name}={','.join(holder.value)}: expected {kind} separated by commas") from None
