"""Measures finished runs, at their minimizers or iterates or between two, and leaves the results in their records."""

import importlib
import itertools

import tabulate
from absl import logging

from models.recomputation import Recomputing, can_recompute
from replication import files, machine
from replication.configuration.tasks import measured_epochs, require_schedule
from replication.errors import DoesNotFitError, UserError
from replication.losses import loss_of
from replication.records import FILE_REMEDY
from replication.sharpness import Objective
from replication.sharpness.metric import percent
from replication.weights import build_network, flatten_weights, in_double_precision, load_weights


def measure_run(record, choices, dataset, *, wait=False, devices=None):
    """Measures a run's minimizer on its training set, once for each choice.

    A measurement that is on disk is not repeated, and neither is that of the last iterate, which has the same weights.

    Args:
        record: A finished `records.RunRecord`.
        choices: Iterable of `configuration.Measurement`s that measure one run, such as `configuration.Sharpness`.
        dataset: The run's `data.Data`.
        wait: Whether to wait for another process that works on the same run, or to raise.
        devices: The devices, see `Objective`; the record does not name them, because f is the same.

    Raises:
        BusyError: another process works on this run and `wait` is false.
        UserError: a file of the record is damaged, `dataset` is not the run's, the run was trained in mixed precision,
            or a measurement fails its checks; the others have been made then.
    """
    with record.lock(wait=wait):
        _measure(record, [record.minimizer], choices, dataset=dataset, devices=devices)


def measure_iterates(record, schedule, choices, *, dataset, wait=False):
    """Measures x_0 and a run's kept iterates, once for each iterate and choice, as `measure_run` does.

    Args:
        record: A finished `records.RunRecord`.
        schedule: The schedule of the iterates, see `configuration.tasks`.
        choices, dataset, wait: See `measure_run`.

    Raises:
        BusyError: another process works on this run and `wait` is false.
        UserError: see `measure_run`; or an iterate was not kept.
    """
    require_schedule("schedule", schedule)
    with record.lock(wait=wait):
        points = [record.kept_iterate(epoch) for epoch in measured_epochs(schedule, record.epochs, record.stops)]
        _measure(record, points, choices, dataset=dataset)


def measure_between(workdir, choices, runs, *, dataset, wait=False):
    """Measures f between two runs and leaves the result in the workdir; a measurement that is on disk is not repeated.

    Args:
        workdir: A `records.Workdir`.
        choices: A `configuration.Measurement` that joins two runs, such as `configuration.Path`.
        runs: The finished `records.RunRecord`s of SB and LB.
        dataset: Their `data.Data`; it may be None if the measurement is on disk.
        wait: Whether to wait for another process that works on the first run, or to raise.

    Returns:
        The file of the result.

    Raises:
        BusyError: another process works on the first run and `wait` is false.
        UserError: a file of the records is damaged, `dataset` is not theirs, or Metric 2.1 is to be measured of runs
            in mixed precision.
    """
    file = workdir.measurement(choices, *(record.configuration for record in runs))
    if file.exists():
        return file
    with runs[0].lock(wait=wait):
        # Another process may have written it, or have been killed while writing it.
        files.remove_partial(file.parent, file.name)
        if not file.exists():
            for record in runs:
                record.check_data(dataset.to_json())
                if choices.ascents():
                    _check_measurable(record, dataset)
            files.write_json(file, {**_joined(runs), **computation(choices)(runs, choices, dataset),
                                    "machine": machine.hardware()})
    return file


def computation(choices):
    """Returns the function that computes a measurement, see `configuration.Measurement`."""
    return importlib.import_module(choices.COMPUTATION).compute


def overview(results):
    """Returns a table of sharpness measurements as text.

    Args:
        results: Pairs of a minimizer's name and the content of its measurement.
    """
    rows = [{
        "minimizer": name,
        "space": f"p = {dimension}" if (dimension := result["configuration"]["subspace_dim"]) else "full",
        "epsilon": result["configuration"]["epsilon"], "sharpness": result["sharpness"], "f(x)": result["loss"],
        "max f": result["max_loss"], "starts": _spread(result), "passes": result["evaluations"],
        "status": result["status"],
    } for name, result in results]
    return tabulate.tabulate(rows, headers="keys", floatfmt=".4g")


def _spread(result):
    """Returns how far the sharpness of several starts is apart, as text; "1" for a single start."""
    found = [percent(value, result["loss"]) for value in result["start_max_losses"]]
    return f"{len(found)}: {min(found):.4g} to {max(found):.4g}" if len(found) > 1 else "1"


def _measure(record, points, choices, *, dataset, devices=None):
    """Measures weights of one run: `points` are `records.folder.WeightsRecord`s."""
    _copy_from_twins(record, points, choices)
    pending = dict.fromkeys(choice for choice in choices
                            if not all(point.measurement(choice).exists() for point in points))
    if not pending:
        return
    _check_measurable(record, dataset)
    network = build_network(record.configuration)
    context, failures = _context(record, network, dataset, pending), {}

    def evaluation(choice):
        size = choice.examples or len(dataset.train_labels)
        batch_size = size if choice.batch_size == "all" else choice.batch_size
        return size, choice.statistics, batch_size, choice.dropout_active, choice.partition, choice.dtype

    def may_recompute(network):
        return devices is None and not isinstance(network, Recomputing) and can_recompute(network)

    def measure(network, evaluation, group):
        examples, statistics, batch_size, active, partition, dtype = evaluation
        measured = network if dtype == "float32" else in_double_precision(network)
        objective = Objective(measured, *dataset.training_examples(examples, partition), statistics=statistics,
                              batch_size=batch_size, dropout_active=active, loss=loss_of(record.configuration),
                              seed=partition, devices=devices)
        for point in points:
            if missing := [choice for choice in group if not point.measurement(choice).exists()]:
                load_weights(network, point)
                if measured is not network:
                    measured.set_weights(network.get_weights())
                objective.reread()
                for choice in missing:
                    try:
                        _measure_point(record, point, objective, choice, context)
                        failures.pop((point.epoch, choice), None)
                    except UserError as error:
                        if isinstance(error, DoesNotFitError) and may_recompute(network):
                            raise
                        failures[point.epoch, choice] = error

    # In the order of the choices, of which the first are those of the paper's tables.
    groups = {}
    for choice in pending:
        groups.setdefault(evaluation(choice), []).append(choice)
    for values, group in groups.items():
        try:
            measure(network, values, group)
        except DoesNotFitError as error:
            # f is the same. SB's batches are small in training, but not in f.
            logging.info("%s; the measurement recomputes them in the backward pass", error)
            network = Recomputing(network.inputs, network.outputs, name=network.name)
            measure(network, values, group)
    if failures:
        first, *others = failures.values()
        raise UserError("; ".join(map(str, (first, *others)))) if others else first


def _context(record, network, dataset, choices):
    """Returns what some of the choices ask for beside the objective, by name, see `configuration.Measurement`."""
    context = {"dataset": dataset}
    if any("start" in choice.CONTEXT for choice in choices):
        load_weights(network, record.iterate(0))
        context["start"] = flatten_weights(network)
    return context


def _measure_point(record, point, objective, choice, context):
    result = computation(choice)(objective, choice, **{name: context[name] for name in choice.CONTEXT})
    logging.info("%s, epoch %d: %s", record.name, point.epoch, result.summary)
    files.write_json(point.measurement(choice), {
        **result.to_json(), "machine": machine.hardware(), "weights_checksum": point.checksum})


def _joined(runs):
    """Returns what the record of a measurement that joins two runs holds of them."""
    run = runs[0].configuration
    return {"network": run.network, "trial": run.trial, "dataset": run.dataset,
            **{name: record.name for name, record in zip(("small_batch", "large_batch"), runs)},
            "weights_checksums": [record.minimizer.checksum for record in runs]}


def _copy_from_twins(record, points, choices):
    """Copies measurements between the last iterate of a run and its minimizer, which have the same weights."""
    twins = (record.minimizer, record.iterate(record.epochs))
    last = [point for point in points if point.epoch == record.epochs]
    for point, twin, choice in itertools.product(last, twins, choices):
        target, source = point.measurement(choice), twin.measurement(choice)
        if source.exists() and not target.exists():
            content = files.read_json(source, FILE_REMEDY)
            if content.get("weights_checksum") == point.checksum:
                files.write_json(target, content)


def _check_measurable(record, dataset):
    """Raises a UserError unless a run was trained on this `data.Data`, and in float32."""
    precision = record.configuration.precision
    if precision != "float32":
        raise UserError(f"{record.folder}: trained with precision={precision}; sharpness is measured only for runs in "
                        "float32")
    record.check_data(dataset.to_json())
