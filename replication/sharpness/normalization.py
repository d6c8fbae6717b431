"""Chooses the statistics of every batch normalization in a model, for as long as a block lasts."""

import contextlib
import functools

import keras

import models.normalization
from replication.errors import UserError

_OURS = models.normalization.BatchNormalization


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
        UserError: with "batch", a layer is of a subclass with a `call` of its own.
    """
    layers = batch_normalizations(model)
    before = [(layer.synchronized, vars(layer).get("call")) for layer in layers]
    try:
        for layer in layers:
            layer.synchronized = synchronized
            if statistics == "batch":
                _check_call(layer)
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


def batch_normalizations(model):
    """All batch normalization layers of `model`, nested ones too, each once."""
    layers = model._flatten_layers(include_self=True, recursive=True)
    return list({id(layer): layer for layer in layers
                 if isinstance(layer, keras.layers.BatchNormalization)}.values())


def _by_batch(layer, moments, inputs, training=None, mask=None):
    if moments is not None:
        moments.setdefault(layer, []).append(models.normalization.batch_moments(layer, inputs, mask=mask))
    return models.normalization.normalize_by_batch(layer, inputs, mask=mask)


def _by_moving_averages(layer, inputs, training=None, mask=None):
    # Ours may be built to use the batch's.
    kind = keras.layers.BatchNormalization if _is_known(layer) else type(layer)
    return kind.call(layer, inputs, training=False, mask=mask)


def _is_known(layer):
    """Whether a batch normalization calls as Keras's or ours does, by no `call` of a subclass."""
    return type(layer).call in (keras.layers.BatchNormalization.call, _OURS.call)


def _check_call(layer):
    if not _is_known(layer):
        raise UserError(f"layer {layer.name!r}: {type(layer).__name__} is a batch normalization with a call of its "
                        'own, which cannot be told to use the statistics of the batch; give statistics="moving"')
