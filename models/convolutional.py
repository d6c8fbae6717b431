"""The convolutional networks of appendix B: C1 and C3, C2 and C4, each in two architectures.

"released" is what the authors' published code builds, "text" what appendix B says. They differ in the
strides of C1 and C3 and in the dropout of C2 and C4.
"""

import keras

_DENSE_DROPOUT = 0.5
_SHALLOW_STRIDES = {"released": 1, "text": 2}
# Filters of the convolutions between two pools.
_DEEP_STACKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_DEEP_FIRST_DROPOUT, _DEEP_LATER_DROPOUT = 0.3, 0.4


def shallow(name, layers, *, input_shape, classes, architecture):
    """C1 and C3, AlexNet-like: two convolutions, each with a pool, and two dense layers.

    The text's "[64, 5, 5, 2]" are 64 filters of 5 x 5 with stride 2, and its MaxPool(3) has stride 2 as
    well; in the released code the convolutions have stride 1. Dropout of 0.5 follows both dense layers.

    Args:
        name: Name of the model.
        layers: The `Layers` that it is made of.
        input_shape: Height, width and channels of an image, of any size.
        classes: Number of outputs.
        architecture: "released" or "text".

    Returns:
        A built functional `keras.Model` that returns class probabilities [batch, classes].
    """
    inputs = x = keras.Input(input_shape, name="inputs")
    for _ in range(2):
        x = layers.convolution(x, 64, 5, strides=_SHALLOW_STRIDES[architecture])
        x = layers.pool(x, 3)
    x = keras.layers.Flatten(name="flatten")(x)
    for units in (384, 192):
        x = layers.dense(x, units)
        x = layers.dropout(x, _DENSE_DROPOUT)
    return keras.Model(inputs, layers.softmax(x, classes), name=name)


def deep(name, layers, *, input_shape, classes, architecture):
    """C2 and C4, VGG-like: five stacks of 3 x 3 convolutions, each with a pool, and a dense layer.

    By the text dropout of 0.5 follows the dense layer only. In the released code it comes in front of
    that layer as well, and within the stacks: 0.3 after the first convolution of the network, 0.4
    after each other one that is not the last of its stack.

    Args:
        name, layers, input_shape, classes, architecture: As in `shallow`.

    Returns:
        A built functional `keras.Model` that returns class probabilities [batch, classes].
    """
    released = architecture == "released"
    inputs = x = keras.Input(input_shape, name="inputs")
    rate = _DEEP_FIRST_DROPOUT
    for stack in _DEEP_STACKS:
        for number, filters in enumerate(stack, start=1):
            x = layers.convolution(x, filters, 3)
            if released and number < len(stack):
                x = layers.dropout(x, rate)
                rate = _DEEP_LATER_DROPOUT
        x = layers.pool(x, 2)
    x = keras.layers.Flatten(name="flatten")(x)
    if released:
        x = layers.dropout(x, _DENSE_DROPOUT)
    x = layers.dense(x, 512)
    x = layers.dropout(x, _DENSE_DROPOUT)
    return keras.Model(inputs, layers.softmax(x, classes), name=name)
