"""The fully connected networks of appendix B: F1 and F2."""

import keras


def fully_connected(name, layers, *, input_shape, classes, hidden_layers, units=512):
    """A stack of batch-normalized ReLU layers and a softmax layer.

    Args:
        name: Name of the model.
        layers: The `Layers` that it is made of.
        input_shape: Shape of one input; more than one dimension is flattened.
        classes: Number of outputs.
        hidden_layers: Number of hidden layers (F1: 5, F2: 7).
        units: Width of a hidden layer.

    Returns:
        A built functional `keras.Model` that returns class probabilities [batch, classes].
    """
    inputs = keras.Input(input_shape, name="inputs")
    x = keras.layers.Flatten(name="flatten")(inputs) if len(input_shape) > 1 else inputs
    for _ in range(hidden_layers):
        x = layers.dense(x, units)
    return keras.Model(inputs, layers.softmax(x, classes), name=name)
