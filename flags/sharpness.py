"""Flags of the sharpness measurements."""

from absl import flags

from flags.define import define, help_of, values
from replication import configuration
from replication.errors import UserError

MODEL = flags.DEFINE_string(
    "model", None, "A .keras file to measure on --dataset, instead of the minimizers of --workdir.")
FROM_LOGITS = flags.DEFINE_bool("from_logits", False, "Whether --model returns logits instead of probabilities.")
LOSS = flags.DEFINE_string(
    "loss", None, "The loss of --model: the name of a Keras loss, or compiled for the one it was compiled with; by "
    "default the cross-entropy.")
VARIABLES = flags.DEFINE_string(
    "variables", None, "A pattern of the paths of --model's weights, such as '*conv2d_1/*', to perturb these alone.")
PER_LAYER = flags.DEFINE_bool("per_layer", False, "Whether to measure each layer of --model alone as well.")
# What is valid for --model only.
OF_A_MODEL = (FROM_LOGITS, LOSS, VARIABLES, PER_LAYER)
_EPSILON = flags.DEFINE_list(
    "epsilon", ["1e-3", "5e-4"], help_of(configuration.Sharpness, "epsilon") + " Several are separated by commas.")
_SUBSPACE_DIM = flags.DEFINE_list(
    "subspace_dim", ["0", "100"],
    help_of(configuration.Sharpness, "subspace_dim") + " Several are separated by commas.")
_OTHERS = define(configuration.Sharpness, "subspace_distribution", "statistics", "batch_size", "iterations", "starts",
                 "examples", "solver", "dropout_active", "box", "normalize", "partition")


def choices(seed):
    """Returns a `configuration.Sharpness` for each subspace dimension and epsilon.

    Args:
        seed: Seed of A and the random starts; the experiments take the number of the trial.

    Raises:
        UserError: a value is no number or out of range.
    """
    return [
        configuration.Sharpness(epsilon=epsilon, subspace_dim=dimension, seed=seed, **values(_OTHERS))
        for dimension in _numbers(_SUBSPACE_DIM, int, "whole numbers")
        for epsilon in _numbers(_EPSILON, float, "numbers")
    ]


def _numbers(holder, convert, noun):
    if not holder.value:
        raise UserError(f"--{holder.name}: empty; expected {noun} separated by commas")
    try:
        return [convert(text) for text in holder.value]
    except ValueError:
        raise UserError(f"--{holder.name}={','.join(holder.value)}: expected {noun} separated by commas") from None
