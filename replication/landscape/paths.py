"""f and accuracy along the paths between two minimizers: figures 3 and 7."""

import time

import numpy as np

from replication import files, machine
from replication.landscape.statistics import reestimate_moving_averages
from replication.sharpness import Objective
from replication.weights import flatten_weights, load_minimizer


def linear(alpha, x_small, x_large):
    """alpha x_l* + (1 - alpha) x_s*: the path of figure 3, for x float64 [n]."""
    return alpha * x_large + (1 - alpha) * x_small


def curved(alpha, x_small, x_large):
    """sin(alpha pi / 2) x_l* + cos(alpha pi / 2) x_s*: the path of figure 7, for x float64 [n]."""
    return np.sin(alpha * np.pi / 2) * x_large + np.cos(alpha * np.pi / 2) * x_small


_POINT = {"linear": linear, "curved": curved}


def measure_path(workdir, path, small_batch, large_batch, dataset, *, wait=False):
    """Evaluates f and accuracy, train and test, along a path and leaves them in the workdir.

    A path that is on disk is not evaluated again.

    Args:
        workdir: A `records.Workdir`.
        path: A `configuration.Path`.
        small_batch, large_batch: The `records.RunRecord` of the minimizers x_s* and x_l*.
        dataset: Their `data.Data`.
        wait: Whether to wait for another process that works on the small-batch run, or to raise.

    Returns:
        The file of the result.

    Raises:
        BusyError: another process works on the small-batch run and `wait` is false.
        UserError: a file of the records is damaged, or `dataset` is not theirs.
    """
    file = workdir.path_record(path, small_batch, large_batch)
    if file.exists():
        return file
    with small_batch.lock(wait=wait):
        # Another process may have been at it.
        files.remove_partial(file.parent, file.name)
        if not file.exists():
            _measure_path(file, path, small_batch, large_batch, dataset)
    return file


def _measure_path(file, path, small_batch, large_batch, dataset):
    for record in (small_batch, large_batch):
        record.check_data(dataset.to_json())
    began = time.perf_counter()
    model = load_minimizer(large_batch)
    x_large = flatten_weights(model)
    model = load_minimizer(small_batch)
    x_small = flatten_weights(model)
    alpha = np.linspace(path.start, path.stop, path.points)
    values = evaluate(model, (_POINT[path.kind](a, x_small, x_large) for a in alpha), path, dataset)
    run = small_batch.configuration
    files.write_json(file, {
        "configuration": path.to_json(), "network": run.network, "trial": run.trial, "dataset": run.dataset,
        "small_batch": small_batch.name, "large_batch": large_batch.name, "alpha": alpha.tolist(), **values,
        "weights_checksums": [record.minimizer.checksum for record in (small_batch, large_batch)],
        "versions": machine.versions(), "seconds": time.perf_counter() - began,
    })


def evaluate(model, points, path, dataset):
    """f and accuracy of a model at each of several weights.

    With moving averages these are estimated anew at each point: averages of interpolated weights
    are not the interpolation of averages.

    Args:
        model: The network; with moving averages its own are overwritten.
        points: Iterable of x, float64 [n].
        path: A `configuration.Path`, for its statistics and batch size.
        dataset: A `data.Data`.

    Returns:
        {"train_loss", "train_accuracy", "test_loss", "test_accuracy"}, each a list of floats.
    """
    choices = {"statistics": path.statistics, "batch_size": path.batch_size}
    train = Objective(model, dataset.train_inputs, dataset.train_labels, **choices)
    test = Objective(model, dataset.test_inputs, dataset.test_labels, **choices)
    values = {"train_loss": [], "train_accuracy": [], "test_loss": [], "test_accuracy": []}
    for x in points:
        if path.statistics == "moving":
            reestimate_moving_averages(model, x, dataset.train_inputs, batch_size=path.batch_size)
        for split, objective in (("train", train), ("test", test)):
            loss, accuracy = objective.value_and_accuracy(x)
            values[f"{split}_loss"].append(loss)
            values[f"{split}_accuracy"].append(accuracy)
    return values


def pairs(records):
    """The SB and LB runs that are trained alike from one x_0, as pairs of `RunRecord`.

    They share all that is not the regime, the batch size, or how long and how exactly repeatable they are trained.
    Runs that start at an iterate of another are in no pair.
    """
    def shared(run):
        return (run.network, run.architecture, run.dataset, run.trial, run.statistics, run.optimizer, run.learning_rate,
                run.remedy, run.precision, run.dropout, run.distribution and run.distribution.synchronized)

    runs = [(record, record.configuration) for record in records if record.configuration.start is None]
    return [
        (small, large) for small, s in runs for large, l in runs
        if (s.regime, l.regime) == ("SB", "LB") and shared(s) == shared(l)
    ]
