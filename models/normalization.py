"""Batch normalization with a choice of the statistics that evaluation uses."""

import contextlib
import functools

import keras
from keras import ops

STATISTICS = ("batch", "moving")


@keras.saving.register_keras_serializable(package="replication")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalization with a choice of the statistics that evaluation uses.

    With `statistics="batch"` the statistics of the current batch normalize in training and in
    evaluation, as Keras 1's `mode=2` did, which the paper's authors used; dropout is not affected.
    With "moving" it is Keras's own layer. Training keeps the moving averages in either mode, so that
    both kinds of evaluation are possible afterwards.

    In mode "batch" an example's output depends on the batch it is evaluated in.

    Args:
        statistics: "batch" (default) or "moving".
        **kwargs: Those of `keras.layers.BatchNormalization`.

    Raises:
        ValueError: `statistics` is neither.

    Example:

    >>> layer = BatchNormalization(statistics="batch")
    >>> inputs = keras.ops.reshape(keras.ops.arange(6.0), (3, 2))
    >>> round(float(keras.ops.mean(layer(inputs, training=False))), 6)
    0.0
    """

    def __init__(self, statistics="batch", **kwargs):
        if statistics not in STATISTICS:
            raise ValueError(f"statistics={statistics!r}: expected one of {', '.join(STATISTICS)}")
        super().__init__(**kwargs)
        self.statistics = statistics

    def call(self, inputs, training=None, mask=None):
        if training or self.statistics == "moving":
            return super().call(inputs, training=training, mask=mask)
        return normalize_by_batch(self, inputs, mask=mask)

    def get_config(self):
        return {**super().get_config(), "statistics": self.statistics}

    def _moments(self, inputs, mask):
        moments = super()._moments
        return _centred_moments(moments, self.axis, inputs, mask) if self.synchronized else moments(inputs, mask)


def normalize_by_batch(layer, inputs, *, mask=None):
    """What `layer` makes of `inputs` by their own mean and variance; its moving averages stay.

    Args:
        layer: A built `keras.layers.BatchNormalization`, Keras's own or a subclass.
        inputs: Tensor [batch, ...].
        mask: As in the layer's call.

    Returns:
        A tensor like `inputs`, in the layer's compute dtype.
    """
    mean, variance = batch_moments(layer, inputs, mask=mask)
    inputs = ops.cast(inputs, mean.dtype)
    outputs = ops.batch_normalization(
        inputs, mean, variance, axis=layer.axis, epsilon=layer.epsilon,
        offset=ops.cast(layer.beta, mean.dtype) if layer.center else None,
        scale=ops.cast(layer.gamma, mean.dtype) if layer.scale else None,
    )
    return ops.cast(outputs, layer.compute_dtype)


def batch_moments(layer, inputs, *, mask=None):
    """Mean and variance of `inputs` as `layer` takes them in training, each of shape [channels].

    Half precision is raised to float32, as Keras does.
    """
    inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
    # Keras's own method, so that masks and synchronization over devices are honoured alike.
    if layer.synchronized and not isinstance(layer, BatchNormalization):
        return _centred_moments(layer._moments, layer.axis, inputs, mask)
    return layer._moments(inputs, mask)


def _centred_moments(moments, axis, inputs, mask):
    """Mean and variance over several devices, of values of any mean.

    Keras takes that variance as a difference, E[x^2] - E[x]^2, which cancels where the mean is large.
    """
    shape = [1] * len(inputs.shape)
    shape[axis] = -1
    shift = ops.stop_gradient(moments(inputs, mask)[0])
    mean, variance = moments(inputs - ops.reshape(shift, shape), mask)
    return mean + shift, variance


@contextlib.contextmanager
def normalization_statistics(model, statistics, *, moments=None, synchronized=False):
    """Within the block every batch normalization of `model` evaluates with `statistics`.

    Keras's own layers, subclasses and layers nested in sub-models are governed alike, whatever mode
    they were built with and whether or not they are frozen; none updates its moving averages. The
    layers call as before once the block ends.

    Args:
        model: A built `keras.Model`.
        statistics: "batch" or "moving".
        moments: With "batch", a dictionary that receives for each layer a list of the means and variances by
            which it normalized, one pair a call: a layer may be shared.
        synchronized: With "batch": whether the batch is what all replicas of a `tf.distribute.Strategy` pass, or
            what each does.

    Raises:
        ValueError: with "batch", a layer is of a subclass with a `call` of its own.
    """
    check_statistics(model, statistics)
    layers = batch_normalizations(model)
    before = [(layer.synchronized, vars(layer).get("call")) for layer in layers]
    try:
        for layer in layers:
            layer.synchronized = synchronized
            if statistics == "batch":
                layer.call = functools.partial(_by_batch, layer, moments)
            else:
                layer.call = functools.partial(_by_moving_averages, layer)
        yield
    finally:
        for layer, (value, call) in zip(layers, before):
            layer.synchronized = value
            if call is not None:
                layer.call = call
            elif "call" in vars(layer):
                del layer.call


def check_statistics(model, statistics):
    """Raises a ValueError if a batch normalization of `model` cannot be told to use `statistics`.

    With "batch", a subclass of Keras's layer with a `call` of its own cannot.
    """
    for layer in batch_normalizations(model) if statistics == "batch" else ():
        if not _is_known(layer):
            raise ValueError(f"layer {layer.name!r}: {type(layer).__name__} is a batch normalization with a call of "
                             "its own, which cannot be told to use the statistics of the batch; give "
                             'statistics="moving"')


def batch_normalizations(model):
    """All batch normalization layers of `model`, nested ones too, each once."""
    layers = model._flatten_layers(include_self=True, recursive=True)
    return list({id(layer): layer for layer in layers
                 if isinstance(layer, keras.layers.BatchNormalization)}.values())


def _by_batch(layer, moments, inputs, training=None, mask=None):
    if moments is not None:
        moments.setdefault(layer, []).append(batch_moments(layer, inputs, mask=mask))
    return normalize_by_batch(layer, inputs, mask=mask)


def _by_moving_averages(layer, inputs, training=None, mask=None):
    # Ours may be built to use the batch's.
    kind = keras.layers.BatchNormalization if _is_known(layer) else type(layer)
    return kind.call(layer, inputs, training=False, mask=mask)


def _is_known(layer):
    """Whether a batch normalization calls as Keras's or ours does, by no `call` of a subclass."""
    return type(layer).call in (keras.layers.BatchNormalization.call, BatchNormalization.call)
