"""The scales of weights that a network's outputs do not depend on, and other weights with the same outputs.

The outputs of a dense or convolutional layer that only a batch normalization reads do not change, up to its epsilon, if
kernel and bias are multiplied by a positive number, as a whole or for each channel alone. ReLU, max pooling, dropout
and flattening are positively homogeneous, so that a number can go from one layer's last parameters to the next layer's
kernel (Dinh, Pascanu, Bengio and Bengio, 2017).
"""

import math

import keras
import numpy as np
import tensorflow as tf

from models.normalization import batch_normalizations
from replication.errors import UserError

_KERNELS = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
_PROPORTIONAL = (keras.activations.linear, keras.activations.relu)
_HOMOGENEOUS = (keras.layers.Dropout, keras.layers.Flatten, keras.layers.MaxPooling1D,
                keras.layers.MaxPooling2D, keras.layers.MaxPooling3D)


def normalized_layers(model):
    """Returns the trainable dense and convolutional layers whose outputs only a batch normalization reads.

    A layer of a class derived from Keras's is not among them, as its outputs may be another function of the kernel.

    Args:
        model: A functional or sequential `keras.Model`; of others no layer is known to be such.

    Returns:
        The layers, in the model's order. A layer whose output is also one of a model's is not among them.
    """
    normalizations = {id(layer) for layer in batch_normalizations(model)}
    trainable = {id(variable) for variable in model.trainable_variables}
    outputs = {id(tensor) for each in (model, *model._flatten_layers(include_self=False))
               for tensor in tf.nest.flatten(getattr(each, "outputs", None)) if tensor is not None}

    def is_normalized(layer):
        return (layer.activation is keras.activations.linear and _readers(layer)
                and all(id(reader) in normalizations for reader in _readers(layer))
                and all(id(variable) in trainable for variable in (layer.kernel, layer.bias) if variable is not None)
                and not any(id(tensor) in outputs for node in layer._inbound_nodes for tensor in node.output_tensors))

    return [layer for layer in model._flatten_layers(include_self=False)
            if type(layer) in _KERNELS and is_normalized(layer)]


def homogeneous_pairs(model):
    """Returns pairs of a layer and the dense or convolutional layer that reads it through homogeneous layers alone.

    The first of a pair is a batch normalization, or a dense or convolutional layer without one, whose outputs follow
    its parameters in proportion.
    """
    firsts = [*(layer for layer in batch_normalizations(model) if layer.scale),
              *(layer for layer in model._flatten_layers(include_self=False)
                if isinstance(layer, _KERNELS) and layer.activation in _PROPORTIONAL)]
    pairs = []
    for layer in firsts:
        readers, next_layers = _readers(layer), []
        # A kernel needs a ReLU behind it: the number would go through a linear layer as well, but our networks have
        # none.
        while len(readers) == 1 and _is_homogeneous(readers[0]):
            next_layers = readers = _readers(readers[0])
        if len(next_layers) == 1 and isinstance(next_layers[0], _KERNELS):
            pairs.append((layer, next_layers[0]))
    return pairs


def _is_homogeneous(layer):
    if isinstance(layer, keras.layers.ReLU):
        return layer.max_value is None and not layer.threshold
    return isinstance(layer, _HOMOGENEOUS)


def scaled(model, x, factors):
    """Returns weights x, float64 [n], with some variables multiplied.

    Args:
        model: The `keras.Model`.
        x: Its trainable weights, float64 [n].
        factors: By the id of a variable, a factor, or an array of factors for its last axis.
    """
    return np.concatenate([(values * factors.get(id(v), 1)).reshape(-1)
                           for v, values in zip(model.trainable_variables, _split(model, x))])


def layer_factors(layers, factors):
    """Returns the factors of `scaled` that multiply the kernel and the bias of each of several layers."""
    return {id(variable): factor for layer, factor in zip(layers, factors)
            for variable in (layer.kernel, layer.bias) if variable is not None}


def transfer_factors(first, second, factor):
    """Returns the factors of `scaled` that move a number from a layer to the kernel of the one that reads it."""
    variables = (first.gamma, first.beta) if isinstance(first, keras.layers.BatchNormalization) else (
        first.kernel, first.bias)
    return {**{id(v): factor for v in variables if v is not None}, id(second.kernel): 1 / factor}


def norms(model, x, layers):
    """Returns the length of the kernel of each of several layers at the weights x, float64 [layers]."""
    return np.array([np.linalg.norm(kernel) for kernel in _kernels(model, x, layers)])


def filter_norms(model, x, layers):
    """Returns the lengths of the filters of each of several layers at x: a list of float64 [filters]."""
    return [np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), axis=0) for kernel in _kernels(model, x, layers)]


def normalized(model, x):
    """Returns weights with the same outputs, up to the epsilon of batch normalization, in layers of a given length.

    The kernel and the bias of each of the `normalized_layers` are multiplied by the number that gives the kernel the
    length that Glorot's initialization gives it on average, sqrt(2 size / (fan in + fan out)).

    Args:
        model: A functional or sequential `keras.Model`.
        x: All its trainable weights, float64 [n].

    Raises:
        UserError: x consists of some of the weights only, the model has no such layer, or one has a kernel of 0.
    """
    if len(x) != sum(math.prod(v.shape) for v in model.trainable_variables):
        raise UserError("normalize='layers': x consists of some of the weights only; expected variables=None")
    layers = normalized_layers(model)
    if not layers:
        raise UserError(f"normalize='layers': model {model.name!r} has no trainable dense or convolutional layer that "
                        "is read by a batch normalization alone")
    lengths = norms(model, x, layers)
    if not lengths.all():
        raise UserError(f"normalize='layers': the kernel of layer {layers[int(np.argmin(lengths))].name!r} is 0")
    return scaled(model, x, layer_factors(layers, [_glorot_norm(layer) for layer in layers] / lengths))


def _glorot_norm(layer):
    shape = layer.kernel.shape
    return math.sqrt(2 * math.prod(shape) / (math.prod(shape[:-2]) * (shape[-2] + shape[-1])))


def _kernels(model, x, layers):
    by_variable = {id(v): values for v, values in zip(model.trainable_variables, _split(model, x))}
    return [by_variable[id(layer.kernel)] for layer in layers]


def _split(model, x):
    """Returns the values that x gives to each trainable variable, in its shape."""
    parts = np.split(x, np.cumsum([math.prod(v.shape) for v in model.trainable_variables])[:-1])
    return [part.reshape(v.shape) for v, part in zip(model.trainable_variables, parts)]


def _readers(layer):
    return list(dict.fromkeys(node.operation for node in layer._outbound_nodes))
