"""Measures the minimizers and the iterates of finished runs and leaves the results in their records."""

import itertools

from absl import logging

from replication import data, files
from replication.configuration import schedules
from replication.errors import UserError
from replication.records.contents import FILE_REMEDY
from replication.sharpness.metric import measure
from replication.sharpness.objective import Objective
from replication.weights import build_network, load_weights


def measure_run(record, choices, dataset, *, wait=False, devices=None):
    """Measures the sharpness of a run's minimizer on its training set, once for each choice.

    A measurement that is on disk is not repeated, be it that of the last iterate, which has the same weights.

    Args:
        record: A finished `records.RunRecord`.
        choices: Iterable of `configuration.Sharpness`.
        dataset: The run's `data.Data`.
        wait: Whether to wait for another process that works on the same run, or to raise.
        devices: As in `Objective`; the record does not tell them, as f is the same.

    Raises:
        BusyError: another process works on this run and `wait` is false.
        UserError: a file of the record is damaged, `dataset` is not the run's, the run was trained in
            mixed precision, or a measurement fails its checks.
    """
    with record.lock(wait=wait):
        _measure(record, [record.minimizer], choices, dataset, devices)


def measure_iterates(record, schedule, choices, dataset, *, wait=False):
    """Measures the sharpness of x_0 and a run's kept iterates, once for each and each choice, as `measure_run` does.

    Args:
        record, choices, dataset, wait: As in `measure_run`.
        schedule: Which of its iterates, as in `configuration.schedules`.

    Raises:
        BusyError, UserError: As in `measure_run`; or an iterate was not kept.
    """
    schedules.require_schedule("schedule", schedule)
    with record.lock(wait=wait):
        epochs = schedules.measured_epochs(schedule, record.epochs)
        _measure(record, [record.kept_iterate(epoch) for epoch in epochs], choices, dataset)


def check_measurable(record, dataset):
    """Raises a UserError unless a run was trained on this `data.Data`, and in float32."""
    precision = record.configuration.precision
    if precision != "float32":
        raise UserError(f"{record.folder}: trained with precision={precision}; sharpness is measured of runs "
                        "in float32 only")
    record.check_data(dataset.to_json())


def _measure(record, points, choices, dataset, devices=None):
    """Measures weights of one run: `points` are `records.WeightsRecord`s."""
    _take_over(record, points, choices)
    pending = {choice: missing for choice in choices
               if (missing := [point for point in points if not point.measurement(choice).exists()])}
    if not pending:
        return
    check_measurable(record, dataset)
    network = build_network(record.configuration)

    def evaluation(choice):
        return choice.statistics, choice.batch_size, choice.examples or len(dataset.train_labels)

    for (statistics, batch_size, examples), group in itertools.groupby(sorted(pending, key=evaluation), evaluation):
        group = list(group)
        objective = Objective(network, *training_examples(dataset, examples), statistics=statistics,
                              batch_size=batch_size, devices=devices)
        for point in points:
            if open_choices := [choice for choice in group if point in pending[choice]]:
                load_weights(network, point)
                objective.reread()
                for choice in open_choices:
                    _measure_point(record, point, objective, choice)


def _take_over(record, points, choices):
    """The last iterate of a run is its minimizer: what was measured of one holds for the other."""
    twins = (record.minimizer, record.iterate(record.epochs))
    last = [point for point in points if point.epoch == record.epochs]
    for point, twin, choice in itertools.product(last, twins, choices):
        target, source = point.measurement(choice), twin.measurement(choice)
        if source.exists() and not target.exists():
            content = files.read_json(source, FILE_REMEDY)
            if content.get("weights_checksum") == point.checksum:
                files.write_json(target, content)


def _measure_point(record, point, objective, choice):
    result = measure(objective, choice)
    logging.info("%s, epoch %d: sharpness %.4g (epsilon %g, %s)", record.name, point.epoch, result.sharpness,
                 choice.epsilon, f"subspace of {choice.subspace_dim}" if choice.subspace_dim else "full space")
    files.write_json(point.measurement(choice), {**result.to_json(), "weights_checksum": point.checksum})


def training_examples(dataset, examples=None):
    """Inputs and labels of the training set, or of a fixed choice of so many `examples` of it."""
    inputs, labels = dataset.train_inputs, dataset.train_labels
    if examples in (None, len(labels)):
        return inputs, labels
    rows = data.choose(len(labels), examples)
    return inputs[rows], labels[rows]
