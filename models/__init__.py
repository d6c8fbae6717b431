"""The networks of the paper's table 1 as functional Keras models, and their normalization layer."""

import functools

import numpy as np

from models.convolutional import deep, shallow
from models.fully_connected import fully_connected
from models.layers import Layers
from models.normalization import BatchNormalization
from replication import catalog

# By name the function that builds a network of `catalog.NETWORKS`: from its name, the `Layers` to make it of,
# input_shape, classes and, where there is a choice, architecture.
BUILDERS = {
    "F1": functools.partial(fully_connected, hidden_layers=5),
    "F2": functools.partial(fully_connected, hidden_layers=7),
    "C1": shallow, "C2": deep, "C3": shallow, "C4": deep,
}
NETWORKS = tuple(BUILDERS)

__all__ = ["BUILDERS", "NETWORKS", "BatchNormalization", "build"]


def build(name, *, statistics="batch", architecture=None, input_shape=None, classes=None, seed=0,
          precision="float32", dropout=None):
    """Builds a network of table 1.

    Args:
        name: One of `NETWORKS`.
        statistics: What normalization uses in evaluation: "batch" (default; the current batch's
            statistics, as the authors' code does) or "moving".
        architecture: Of C1 to C4, of which the paper has two: "released" (what None stands for; the
            authors' code) or "text" (appendix B to the letter).
        input_shape: Shape of one input; None for the paper's. C1 to C4 take images of any size.
        classes: Number of classes; None for the paper's.
        seed: Whole number that decides every starting value and dropout: the same seed builds the
            same weights. Kernels of the same shape are the same in both architectures.
        precision: Keras's dtype policy of all layers but the last, which computes in float32: "float32"
            (default), "mixed_bfloat16" or "mixed_float16".
        dropout: Rate of all its dropout layers, in [0, 1); None (default) for the network's own rates.

    Returns:
        A built functional `keras.Model` from inputs [batch, *input_shape] to class probabilities
        [batch, classes]. Its trainable variables come in layer order: kernel, bias, gamma, beta.

    Raises:
        ValueError: `name`, `statistics` or `architecture` is unknown, the network has only one
            architecture or no dropout, or `input_shape` is no image's where the network needs one.

    Example:

    >>> build("F1").count_params()
    1467914
    """
    if name not in BUILDERS:
        raise ValueError(f"name={name!r}: expected one of {', '.join(BUILDERS)}")
    network = catalog.NETWORKS[name]
    architecture = network.resolve_architecture(architecture)
    input_shape = tuple(input_shape or network.input_shape)
    network.require_input_shape(input_shape)
    network.require_dropout(dropout)
    state = [int(s) for s in np.random.SeedSequence(seed).generate_state(64) >> 1]
    layers = Layers(statistics=statistics, seeds=state[:32], dropout_seeds=state[32:], precision=precision,
                    dropout=dropout)
    choice = {"architecture": architecture} if network.architectures else {}
    return BUILDERS[name](name, layers, input_shape=input_shape, classes=classes or network.classes, **choice)
