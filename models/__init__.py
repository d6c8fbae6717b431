"""The networks of the paper's table 1 as functional Keras models, and their normalization layer."""

import keras
import numpy as np

from models.networks import KERNEL_INITIALIZERS, SPECIFICATIONS, Layers
from models.normalization import BatchNormalization
from models.recomputation import Recomputing, can_recompute

NETWORKS = tuple(SPECIFICATIONS)
# The function that builds each network. A network that is added here has no defaults: `build` needs its input_shape and
# classes, and passes on an architecture only if one is given.
BUILDERS = {name: specification.builder for name, specification in SPECIFICATIONS.items()}

__all__ = ["BUILDERS", "NETWORKS", "BatchNormalization", "Recomputing", "build"]


def build(name: str, *, statistics: str = "batch", architecture: str | None = None, input_shape: tuple | None = None,
          classes: int | None = None, seed: int = 0, precision: str = "float32", dropout: float | None = None,
          kernel_initializer: str = "glorot_uniform", normalization_epsilon: float = 1e-3, kernel_scale: float = 1.0,
          normalized: bool = True, recompute: bool = False) -> keras.Model:
    """Builds a network of table 1.

    Args:
        name: One of `NETWORKS`, or another name in `BUILDERS`.
        statistics: The statistics that normalization uses in evaluation: "batch" (default; those of the current
            batch, as in the authors' code) or "moving".
        architecture: For C1 to C4, of which the paper has two: "released" (the default; the authors' code) or "text"
            (appendix B to the letter).
        input_shape: Shape of one input; by default the paper's. C1 to C4 take images of any size.
        classes: Number of classes; by default the paper's.
        seed: Whole number that decides all initial weights and dropout: the same seed builds the same weights.
            Kernels of the same shape are the same in both architectures.
        precision: Keras's dtype policy of all layers but the last, which computes in float32: "float32" (default),
            "mixed_bfloat16" or "mixed_float16".
        dropout: Rate of all dropout layers, in [0, 1); by default the network's own rates.
        kernel_initializer: Distribution of the initial kernels: "glorot_uniform" (default), "uniform_0.05", on
            [-0.05, 0.05], or "he_uniform".
        normalization_epsilon: Batch normalization's epsilon, default 1e-3.
        kernel_scale: Factor on all initial kernels, default 1.
        normalized: Whether batch normalization follows each inner layer, as in the paper (default).
        recompute: Whether the backward pass of a convolutional network recomputes activations, see `Recomputing`.

    Returns:
        A built functional `keras.Model` from inputs [batch, *input_shape] to class probabilities [batch, classes].
        Its trainable variables come in layer order: kernel, bias, gamma, beta.

    Raises:
        ValueError: `name`, `statistics`, `architecture` or `kernel_initializer` is unknown, the network has only one
            architecture, no dropout or no convolutions, a convolutional network gets an `input_shape` that is not that
            of an image, or a network without defaults lacks `input_shape` or `classes`.

    Example:

    >>> build("F1").count_params()
    1467914
    """
    _require(name in BUILDERS, "name", name, f"one of {', '.join(BUILDERS)}")
    _require(dropout is None or 0 <= dropout < 1, "dropout", dropout, "a number in [0, 1)")
    _require(kernel_scale > 0, "kernel_scale", kernel_scale, "a positive number")
    _require(kernel_initializer in KERNEL_INITIALIZERS, "kernel_initializer", kernel_initializer,
             f"one of {', '.join(KERNEL_INITIALIZERS)}")
    if known := SPECIFICATIONS.get(name):
        input_shape = known.input_shape if input_shape is None else input_shape
        classes = known.classes if classes is None else classes
        expected = f"one of {', '.join(known.architectures)}" if known.architectures else f"none, {name} has only one"
        _require(architecture is None or architecture in known.architectures, "architecture", architecture, expected)
        architecture = architecture or next(iter(known.architectures), None)
        _require(len(known.input_shape) == 1 or len(input_shape) == 3, "input_shape", input_shape,
                 f"height, width and channels of an image, which {name} convolves")
        _require(dropout is None or known.dropout, "dropout", dropout, f"none, {name} has no dropout")
    _require(input_shape is not None, "input_shape", input_shape, f"a shape, {name} has no default")
    _require(classes is not None, "classes", classes, f"a number, {name} has no default")
    state = [int(s) for s in np.random.SeedSequence(seed).generate_state(64) >> 1]
    layers = Layers(statistics=statistics, seeds=state[:32], dropout_seeds=state[32:], precision=precision,
                    dropout=dropout, kernel_initializer=kernel_initializer,
                    normalization_epsilon=normalization_epsilon, kernel_scale=kernel_scale, normalized=normalized)
    choice = {} if architecture is None else {"architecture": architecture}
    network = BUILDERS[name](name, layers, input_shape=tuple(input_shape), classes=classes, **choice)
    if not recompute:
        return network
    _require(can_recompute(network), "recompute", recompute, f"False, {name} is no chain of two convolutions or more")
    return Recomputing(network.input, network.output, name=name)


def _require(condition, name, value, expected):
    if not condition:
        raise ValueError(f"{name}={value!r}: expected {expected}")
