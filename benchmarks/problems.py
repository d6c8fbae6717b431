"""The problems of the benchmarks: a network with the arrays of its training set."""


def f1(*, data_dir=None, smoke=False):
    """Builds F1 and loads MNIST, or with `smoke` a small network of its kind and the embedded digits.

    Args:
        data_dir: TFDS's folder; None (default) for TFDS's own.
        smoke: Whether a problem of seconds is enough, default False.

    Returns:
        A built `keras.Model`, inputs float32 [M, pixels] and labels int32 [M].
    """
    import models
    from models.fully_connected import fully_connected
    from models.layers import Layers
    from replication import data

    dataset = data.load("digits" if smoke else "mnist", data_dir)
    inputs = dataset.train_inputs.reshape(len(dataset.train_inputs), -1)
    if smoke:
        layers = Layers(statistics="batch", seeds=range(3))
        model = fully_connected("small", layers, input_shape=inputs.shape[1:], classes=10, hidden_layers=2, units=16)
    else:
        model = models.build("F1")
    return model, inputs, dataset.train_labels


def widths(model):
    """Returns the numbers of inputs, hidden units and classes of a stack of dense layers: [784, 512, ..., 10]."""
    kernels = [v.shape for v in model.trainable_variables if len(v.shape) == 2]
    return [kernels[0][0], *(shape[1] for shape in kernels)]


def product_flops(widths, examples):
    """Returns the number of floating-point operations in the matrix products of a pass.

    The forward pass takes 2 M sum(in out); the backward pass twice that, less the gradient by the inputs, which is
    not needed.
    """
    products = [fan_in * fan_out for fan_in, fan_out in zip(widths[:-1], widths[1:], strict=True)]
    return 2 * examples * (3 * sum(products) - products[0])


def normalization_epsilon(model):
    """Returns the epsilon of the first batch normalization of `model`."""
    import keras

    return next(layer.epsilon for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
