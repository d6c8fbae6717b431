"""Batch normalization that lets the user choose the statistics for evaluation."""

import contextlib
import functools
import inspect

import keras
from keras import ops

STATISTICS = ("batch", "moving")


@keras.saving.register_keras_serializable(package="replication")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalization with a choice of the statistics that evaluation uses.

    With `statistics="batch"` the layer normalizes by the statistics of the current batch in training and in
    evaluation, frozen or not, as the `mode=2` of Keras 1 did, which the paper's authors used; the output for an
    example then depends on its batch. With "moving" it behaves as Keras's own layer. Training updates the moving
    averages in both modes, unless the layer is frozen, so that both kinds of evaluation are possible afterwards.

    Args:
        statistics: "batch" (default) or "moving".
        **kwargs: Arguments of `keras.layers.BatchNormalization`.

    Raises:
        ValueError: `statistics` has another value.

    Example:

    >>> layer = BatchNormalization(statistics="batch")
    >>> inputs = keras.ops.reshape(keras.ops.arange(6.0), (3, 2))
    >>> round(float(keras.ops.mean(layer(inputs, training=False))), 6)
    0.0
    """

    def __init__(self, statistics="batch", **kwargs):
        _check_name(statistics)
        super().__init__(**kwargs)
        self.statistics = statistics

    def call(self, inputs, training=None, mask=None):
        if self.statistics == "moving" or (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        return _normalize_by_batch(self, inputs, mask)

    def get_config(self):
        return {**super().get_config(), "statistics": self.statistics}

    def _moments(self, inputs, mask):
        moments = super()._moments
        return _centred_moments(moments, self.axis, inputs, mask) if self.synchronized else moments(inputs, mask)


@contextlib.contextmanager
def normalization_statistics(model, statistics, *, moments=None, calls=None, synchronized=False):
    """Makes every batch normalization of `model` evaluate with `statistics` within a block.

    This holds for Keras's own layers, for subclasses and for layers in sub-models, whatever mode they were built with
    and whether or not they are frozen. No layer updates its moving averages within the block.

    Args:
        model: A built `keras.Model`.
        statistics: "batch" or "moving".
        moments: With "batch", a dictionary that receives for each layer a list of pairs, the mean and the variance of
            each call (a shared layer is called more than once). None (default) collects nothing.
        calls: A list that receives, for each call of a layer, a pair of the layer and the argument `training` that the
            call had. None (default) collects nothing.
        synchronized: With "batch", whether the statistics are those of all replicas of a `tf.distribute.Strategy`
            together, or of each replica alone (default).

    Raises:
        ValueError: `check_statistics` does so.
    """
    check_statistics(model, statistics)
    layers = batch_normalizations(model)
    before = [(layer.synchronized, vars(layer).get("call")) for layer in layers]
    try:
        for layer in layers:
            layer.synchronized = synchronized
            replacement = (functools.partial(_call_by_batch, layer, moments) if statistics == "batch"
                           else functools.partial(_call_by_moving_averages, layer))
            layer.call = replacement if calls is None else functools.partial(_noted, layer, replacement, calls)
        yield
    finally:
        for layer, (value, call) in zip(layers, before):
            layer.synchronized = value
            if call is not None:
                layer.call = call
            elif "call" in vars(layer):
                del layer.call


def check_statistics(model, statistics):
    """Raises a ValueError if a batch normalization of `model` cannot evaluate with `statistics`, or nothing can.

    With "batch", a subclass of Keras's layer that overrides `call` cannot, and neither can one with `renorm`.
    """
    _check_name(statistics)
    for layer in batch_normalizations(model) if statistics == "batch" else ():
        if not _has_known_call(layer):
            raise ValueError(f"layer {layer.name!r}: {type(layer).__name__} is a batch normalization with a call of "
                             "its own, which cannot be told to use the statistics of the batch; give "
                             'statistics="moving"')
        if getattr(layer, "renorm", False):
            raise ValueError(f"layer {layer.name!r}: normalizes by both the batch and its moving averages "
                             '(renorm=True); give statistics="moving"')


def _check_name(statistics):
    if statistics not in STATISTICS:
        raise ValueError(f"statistics={statistics!r}: expected one of {', '.join(STATISTICS)}")


def batch_normalizations(model):
    """Returns all batch normalization layers of `model` and of its sub-models, each once."""
    layers = model._flatten_layers(include_self=True, recursive=True)
    return list({id(layer): layer for layer in layers
                 if isinstance(layer, keras.layers.BatchNormalization)}.values())


def _normalize_by_batch(layer, inputs, mask):
    """Normalizes `inputs` [batch, ...] by their own moments; returns a tensor in the layer's compute dtype."""
    mean, variance = _batch_moments(layer, inputs, mask)
    inputs = ops.cast(inputs, mean.dtype)
    outputs = ops.batch_normalization(
        inputs, mean, variance, axis=layer.axis, epsilon=layer.epsilon,
        offset=ops.cast(layer.beta, mean.dtype) if layer.center else None,
        scale=ops.cast(layer.gamma, mean.dtype) if layer.scale else None,
    )
    return ops.cast(outputs, layer.compute_dtype)


def _batch_moments(layer, inputs, mask):
    """Returns the mean and the variance, each [channels], by which `layer` normalizes in training."""
    # Keras computes the moments of half-precision inputs in float32 too.
    inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
    # Keras's own method honours a mask, or else synchronizes devices.
    if layer.synchronized and not isinstance(layer, BatchNormalization):
        return _centred_moments(layer._moments, layer.axis, inputs, mask)
    return layer._moments(inputs, mask)


def _centred_moments(moments, axis, inputs, mask):
    """Returns the mean and the variance over several devices of inputs with any mean.

    Keras computes this variance as E[x^2] - E[x]^2, which loses its digits if the mean is large.
    """
    shape = [1] * len(inputs.shape)
    shape[axis] = -1
    shift = ops.stop_gradient(moments(inputs, mask)[0])
    mean, variance = moments(inputs - ops.reshape(shift, shape), mask)
    return mean + shift, variance


def _noted(layer, call, calls, inputs, training=None, mask=None):
    calls.append((layer, training))
    return call(inputs, training=training, mask=mask)


def _call_by_batch(layer, moments, inputs, training=None, mask=None):
    if mask is not None and layer.synchronized:
        raise ValueError(f"layer {layer.name!r}: normalizes a batch under a mask, which only one device can do")
    if moments is not None:
        moments.setdefault(layer, []).append(_batch_moments(layer, inputs, mask))
    return _normalize_by_batch(layer, inputs, mask)


def _call_by_moving_averages(layer, inputs, training=None, mask=None):
    # Our own layer may have been built to use the statistics of the batch.
    kind = keras.layers.BatchNormalization if _has_known_call(layer) else type(layer)
    known = inspect.signature(kind.call).parameters
    takes_all = any(each.kind is each.VAR_KEYWORD for each in known.values())
    options = {"training": False, "mask": mask}
    return kind.call(layer, inputs, **{name: value for name, value in options.items() if takes_all or name in known})


def _has_known_call(layer):
    return type(layer).call in (keras.layers.BatchNormalization.call, BatchNormalization.call)
