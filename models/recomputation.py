"""Networks whose backward pass recomputes activations, so that large batches take less memory."""

import contextlib

import keras


@keras.saving.register_keras_serializable(package="replication")
class Recomputing(keras.Model):
    """A convolutional network that keeps the inputs of its blocks, and of its last layer, for the backward pass alone.

    A block is a convolution with the layers that follow it, up to the next one. The backward pass computes the other
    activations of a block again when it comes to it (gradient checkpointing), from the weights, the batch and the
    dropout masks of the forward pass, so that the gradients are the same but for rounding. A call draws its masks once,
    and updates the moving averages once. C2 and C4 need 2.1 MB an example instead of 3.3, and 5/4 of the time; C1 and
    C3 gain nothing, because their first block takes most of the memory.

    Layers and weights can be those of another model: `Recomputing(model.inputs, model.outputs)`. All state of a layer,
    such as the seeds of what it draws at random, must be its variables; losses that a layer adds itself are not seen.

    Args:
        inputs, outputs: Those of `keras.Model`, one of each; the layers between them form a chain.
        name: Name of the model.
        **kwargs: Arguments of `keras.Model`.

    Raises:
        ValueError: the layers do not form a chain, make a single block, or regularize activities.
    """

    _keeps_activations = False

    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(_only(inputs), _only(outputs), name=name, **kwargs)
        if not can_recompute(self):
            raise ValueError(f"model {self.name!r}: expected a chain of layers, without activity regularizers, in two "
                             "blocks or more that begin with Conv2D")

    def call(self, inputs, training=None, mask=None):
        if self._keeps_activations:
            return super().call(inputs, training=training, mask=mask)
        outputs, = self._standardize_inputs(inputs)
        *blocks, last = split(self.layers)
        for block in filter(None, (*blocks, last[:-1])):
            outputs = _call_recomputed(block, outputs, training)
        # Not recomputed: Keras's cross-entropy finds the logits by the softmax that made its input, and takes
        # probabilities otherwise, which it clips.
        return last[-1](outputs, training=training)


def recomputes(model):
    """Returns whether a model, or a model within it, recomputes activations now."""
    return any(isinstance(layer, Recomputing) and not layer._keeps_activations for layer in model._flatten_layers())


@contextlib.contextmanager
def keeping_activations(model):
    """Has a model, and the models within it, keep all activations in a block: second derivatives need them."""
    found = [(layer, layer._keeps_activations) for layer in model._flatten_layers() if isinstance(layer, Recomputing)]
    for each, _ in found:
        each._keeps_activations = True
    try:
        yield
    finally:
        for each, before in found:
            each._keeps_activations = before


def can_recompute(model):
    """Returns whether `Recomputing` takes the layers of a model, see there."""
    layers = model.layers
    if len(split(layers)) < 2 or any(getattr(layer, "activity_regularizer", None) for layer in layers):
        return False
    try:
        return (layers[0].output is _only(model.inputs) and layers[-1].output is _only(model.outputs)
                and all(layer.input is before.output for before, layer in zip(layers, layers[1:])))
    except AttributeError:
        # A model without a graph, or a layer that no graph has called.
        return False


def split(layers):
    """Returns a chain of layers as a list of blocks, without the layer that stands for the inputs."""
    blocks = [[]]
    for layer in layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if blocks[-1] and isinstance(layer, keras.layers.Conv2D):
            blocks.append([])
        blocks[-1].append(layer)
    return blocks


def _only(tensors):
    """Returns the only one of some tensors, or them all."""
    return tensors[0] if isinstance(tensors, list | tuple) and len(tensors) == 1 else tensors


class _Updates(keras.StatelessScope):
    """A scope that keeps the updates of variables, as pairs of a variable and its last value, in `updates`."""

    def __init__(self, state_mapping):
        super().__init__(state_mapping)
        self.updates = {}

    def add_update(self, update):
        self.updates[id(update[0])] = update
        super().add_update(update)


def _call_recomputed(layers, inputs, training):
    """Returns the outputs of a chain of layers, whose backward pass calls them again."""
    weights = [weight for layer in layers for weight in layer.trainable_variables]
    state = [(v, keras.ops.copy(v.value)) for layer in layers for v in layer.non_trainable_variables]
    scopes = []

    # The second call, in the backward pass, must see what the first one saw: neither reads a variable.
    def outputs(x, *values):
        with _Updates([*zip(weights, values), *state]) as scope:
            for layer in layers:
                x = layer(x, training=training)
        scopes.append(scope)
        return x

    result = keras.remat(outputs)(inputs, *(keras.ops.copy(weight.value) for weight in weights))
    for variable, value in scopes[0].updates.values():
        variable.assign(value)
    return result
