"""f and accuracy along the paths between two minimizers: figures 3 and 7."""

import time

import keras
import numpy as np
import tensorflow as tf

from models.normalization import batch_normalizations, normalization_statistics
from replication import files, machine
from replication.data import partition
from replication.devices import full_precision
from replication.errors import require
from replication.losses import loss_of
from replication.sharpness import Objective
from replication.sharpness.invariance import filter_norms, layer_factors, normalized_layers, scaled
from replication.weights import assign_weights, flatten_weights, load_minimizer


def linear(alpha, x_small, x_large):
    """Returns alpha x_l* + (1 - alpha) x_s*, a point of figure 3's path, for x float64 [n]."""
    return alpha * x_large + (1 - alpha) * x_small


def curved(alpha, x_small, x_large):
    """Returns sin(alpha pi / 2) x_l* + cos(alpha pi / 2) x_s*, a point of figure 7's path, for x float64 [n]."""
    return np.sin(alpha * np.pi / 2) * x_large + np.cos(alpha * np.pi / 2) * x_small


_POINT = {"linear": linear, "curved": curved}


def compute(runs, choices, dataset):
    """Evaluates f and accuracy, train and test, along the path between two minimizers.

    Args:
        runs: The `records.RunRecord`s of the minimizers x_s* and x_l*.
        choices: A `configuration.Path`.
        dataset: Their `data.Data`.

    Returns:
        The content of the path's record, a JSON-ready dictionary, with None for values that are not finite.

    Raises:
        UserError: the weights of a run are not there, or damaged.
    """
    began = time.perf_counter()
    small_batch, large_batch = runs
    losses = [record.configuration.training_loss for record in runs]
    require(losses[0] == losses[1], "training_loss", losses, "two runs that minimize the same loss")
    x_large = flatten_weights(load_minimizer(large_batch))
    model = load_minimizer(small_batch)
    x_small = flatten_weights(model)
    if choices.filter_normalized:
        x_large = _with_filters_of(model, x_small, x_large)
    alpha = np.linspace(choices.start, choices.stop, choices.points)
    values = evaluate(model, (_POINT[choices.kind](a, x_small, x_large) for a in alpha), choices, dataset=dataset,
                      loss=loss_of(small_batch.configuration))
    return {
        "configuration": choices.to_json(), "alpha": alpha.tolist(),
        **{name: files.without_nan(found) for name, found in values.items()},
        "versions": machine.versions(), "seconds": time.perf_counter() - began,
    }


def _with_filters_of(model, x_small, x_large):
    """Returns x_l* with each filter before a normalization as long as in x_s*, which has the same outputs."""
    layers = normalized_layers(model)
    lengths = zip(*(filter_norms(model, x, layers) for x in (x_small, x_large)))
    # A filter of length 0 stays.
    factors = [np.divide(small, large, out=np.ones_like(large), where=large > 0) for small, large in lengths]
    return scaled(model, x_large, layer_factors(layers, factors))


def evaluate(model, points, choices, *, dataset, loss=None):
    """Evaluates f and accuracy of a model at each of several weights.

    Moving averages are estimated anew at each point, because the averages of interpolated weights are not the
    interpolation of the averages.

    Args:
        model: The network; with moving averages its own are overwritten.
        points: Iterable of x, float64 [n].
        choices: A `configuration.Path`, for its statistics and batch size.
        dataset: A `data.Data`.
        loss: The loss, see `Objective`; None for the cross-entropy.

    Returns:
        {"train_loss", "train_accuracy", "test_loss", "test_accuracy"}, each a list of floats.
    """
    options = {"statistics": choices.statistics, "batch_size": choices.batch_size, "loss": loss}
    train = Objective(model, dataset.train_inputs, dataset.train_labels, **options)
    test = Objective(model, dataset.test_inputs, dataset.test_labels, **options)
    values = {"train_loss": [], "train_accuracy": [], "test_loss": [], "test_accuracy": []}
    for x in points:
        if choices.statistics == "moving":
            estimate_moving_averages(model, x, dataset.train_inputs, batch_size=choices.batch_size)
        for split, objective in (("train", train), ("test", test)):
            loss, accuracy = objective.value_and_accuracy(x)
            values[f"{split}_loss"].append(loss)
            values[f"{split}_accuracy"].append(accuracy)
    return values


def estimate_moving_averages(model, x, inputs, *, batch_size):
    """Sets a model's weights to x, and its moving averages to the mean of the statistics of all batches.

    Args:
        model: A built `keras.Model`; it is overwritten.
        x: Its trainable weights, float64 [n].
        inputs: The inputs of the training set, an array [M, ...].
        batch_size: Upper bound of a batch.
    """
    assign_weights(model, x)
    layers = batch_normalizations(model)
    order, bounds = partition(len(inputs), batch_size)
    totals = [[0.0, 0.0] for _ in layers]
    for start, stop in zip(bounds[:-1], bounds[1:]):
        moments = {}
        with full_precision(), keras.StatelessScope(), normalization_statistics(model, "batch", moments=moments):
            model(tf.convert_to_tensor(inputs[order[start:stop]]), training=False)
        share = (stop - start) / len(inputs)
        for total, layer in zip(totals, layers):
            for i, calls in enumerate(zip(*moments[layer])):
                total[i] += share * np.mean(np.asarray(calls, np.float64), axis=0)
    for (mean, variance), layer in zip(totals, layers):
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)


def pairs(records):
    """Returns the SB and LB runs that differ in nothing but the batch size, as pairs of `RunRecord`s.

    A run that starts at an iterate of another is in no pair.
    """
    runs = [(record, record.configuration) for record in records if record.configuration.start is None]
    return [(small, large) for small, s in runs for large, l in runs
            if (s.regime, l.regime, s.trial) == ("SB", "LB", l.trial) and s.differences(l) <= {"regime", "batch_size"}]
