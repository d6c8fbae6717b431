"""The networks of the paper's table 1 as functional Keras models, and their normalization layer."""

import numpy as np

from models.convolutional import deep, shallow
from models.fully_connected import fully_connected
from models.normalization import BatchNormalization
from replication import configuration

_HIDDEN_LAYERS = {"F1": 5, "F2": 7}
_CONVOLUTIONAL = {"C1": shallow, "C2": deep, "C3": shallow, "C4": deep}

NETWORKS = tuple(configuration.NETWORKS)

__all__ = ["NETWORKS", "BatchNormalization", "build"]


def build(name, *, statistics="batch", architecture=None, input_shape=None, classes=None, seed=0):
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

    Returns:
        A built functional `keras.Model` from inputs [batch, *input_shape] to class probabilities
        [batch, classes]. Its trainable variables come in layer order: kernel, bias, gamma, beta.

    Raises:
        ValueError: `name`, `statistics` or `architecture` is unknown, the network has only one
            architecture, or `input_shape` is no image's where the network needs one.

    Example:

    >>> build("F1").count_params()
    1467914
    """
    if name not in NETWORKS:
        raise ValueError(f"name={name!r}: expected one of {', '.join(NETWORKS)}")
    network = configuration.NETWORKS[name]
    architecture = network.resolve_architecture(architecture)
    input_shape = tuple(input_shape or network.input_shape)
    network.require_input_shape(input_shape)
    state = [int(s) for s in np.random.SeedSequence(seed).generate_state(64) >> 1]
    choices = {"statistics": statistics, "input_shape": input_shape, "classes": classes or network.classes,
               "seeds": state[:32]}
    if name in _HIDDEN_LAYERS:
        return fully_connected(name, hidden_layers=_HIDDEN_LAYERS[name], **choices)
    return _CONVOLUTIONAL[name](name, architecture=architecture, dropout_seeds=state[32:], **choices)
