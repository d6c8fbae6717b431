"""The networks of the paper's table 1 as functional Keras models, and their normalization layer."""

import numpy as np

from models.fully_connected import fully_connected
from models.normalization import BatchNormalization
from replication.configuration import NETWORKS as _TABLE_1

NETWORKS = tuple(_TABLE_1)
_HIDDEN_LAYERS = {"F1": 5, "F2": 7}

__all__ = ["NETWORKS", "BatchNormalization", "build"]


def build(name, *, statistics="batch", input_shape=None, classes=None, seed=0):
    """Builds a network of table 1.

    Args:
        name: One of `NETWORKS`.
        statistics: What normalization uses in evaluation: "batch" (default; the current batch's
            statistics, as the authors' code does) or "moving".
        input_shape: Shape of one input; None for the paper's.
        classes: Number of classes; None for the paper's.
        seed: Whole number that decides every starting value: the same seed builds the same weights.

    Returns:
        A built functional `keras.Model` from inputs [batch, *input_shape] to class probabilities
        [batch, classes]. Its trainable variables come in layer order: kernel, bias, gamma, beta.

    Raises:
        ValueError: `name` or `statistics` is unknown.

    Example:

    >>> build("F1").count_params()
    1467914
    """
    if name not in NETWORKS:
        raise ValueError(f"name={name!r}: expected one of {', '.join(NETWORKS)}")
    network = _TABLE_1[name]
    seeds = iter(int(s) for s in np.random.SeedSequence(seed).generate_state(64) >> 1)
    return fully_connected(
        name, hidden_layers=_HIDDEN_LAYERS[name], statistics=statistics, seeds=seeds,
        input_shape=tuple(input_shape or network.input_shape), classes=classes or network.classes,
    )
