"""Moving averages for weights that no training has passed through."""

import keras
import numpy as np
import tensorflow as tf

from models.normalization import batch_normalizations, normalization_statistics
from replication.data import partition
from replication.weights import assign_weights


def reestimate_moving_averages(model, x, inputs, *, batch_size):
    """Sets a model's weights to x, and its moving averages to the mean of its batches' statistics.

    Args:
        model: A built `keras.Model`; it is overwritten.
        x: Its trainable weights, float64 [n].
        inputs: Array [M, ...]: the training set.
        batch_size: Upper bound of a batch.
    """
    assign_weights(model, x)
    layers = batch_normalizations(model)
    order, bounds = partition(len(inputs), batch_size)
    totals = [[0.0, 0.0] for _ in layers]
    for start, stop in zip(bounds[:-1], bounds[1:]):
        moments = {}
        with keras.StatelessScope(), normalization_statistics(model, "batch", moments=moments):
            model(tf.convert_to_tensor(inputs[order[start:stop]]), training=False)
        share = (stop - start) / len(inputs)
        for total, layer in zip(totals, layers):
            for i, calls in enumerate(zip(*moments[layer])):
                total[i] += share * np.mean(np.asarray(calls, np.float64), axis=0)
    for (mean, variance), layer in zip(totals, layers):
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
