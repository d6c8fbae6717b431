"""The tasks of a replication: whether they are on disk, how much work is left of them, and how they are carried out.

A task is a `configuration.Train` or a `configuration.Measure`.
"""

from replication.configuration import Train
from replication.configuration.tasks import measured_epochs, scheduled_epochs
from replication.errors import UserError


def is_done(task, workdir):
    """Whether the results of a task are on disk, or the reason why a run has failed.

    Args:
        task: The task.
        workdir: A `records.Workdir`.
    """
    record = workdir.run(task.run)
    if isinstance(task, Train):
        if not record.is_finished:
            return record.has_failed
        return all(record.iterate(epoch).exists for epoch in scheduled_epochs(task.keep, record.epochs, record.stops))
    known = task.at is None and len(task.runs) == 1 or all(workdir.run(run).is_finished for run in task.runs)
    return known and not missing(task, workdir, epochs=0)


def pending(found, workdir):
    """Returns those of several tasks that are not done, see `is_done`."""
    return [task for task in found if not is_done(task, workdir)]


def missing(task, workdir, *, epochs):
    """Returns the choices of a `Measure` whose results are not on disk, once for each iterate that lacks them.

    Args:
        task: The task.
        workdir: A `records.Workdir`.
        epochs: The epochs that the run is expected to take, if it is not finished.
    """
    record = workdir.run(task.run)
    if len(task.runs) > 1:
        return [choice for choice in task.choices if not workdir.measurement(choice, *task.runs).exists()]
    if task.at is None:
        points = [record]
    else:
        # Of a run that is not finished, any three epochs stand for its stops.
        last, stops = (record.epochs, record.stops) if record.is_finished else (epochs, range(epochs - 2, epochs + 1))
        points = [record.iterate(epoch) for epoch in measured_epochs(task.at, last, stops)]
    return [choice for point in points for choice in task.choices if not point.measurement(choice).exists()]


def gradients(task, workdir, dataset, *, epochs):
    """Returns about how many gradients of single examples a task will take.

    Args:
        task: The task.
        workdir: A `records.Workdir`.
        dataset: The resolved `catalog.Dataset` of the run's data.
        epochs: The epochs that the run is expected to take.
    """
    if isinstance(task, Train):
        return epochs * dataset.training_size * (1 if task.run.remedy is None else task.run.remedy.gradients)
    return sum((choice.examples or dataset.training_size) * choice.passes(dataset)
               for choice in missing(task, workdir, epochs=epochs))


def ascents(task, workdir, *, epochs):
    """Returns how many maximizations from one start in the full space a task will make; `epochs` as expected."""
    if isinstance(task, Train):
        return 0
    return sum(choice.ascents() for choice in missing(task, workdir, epochs=epochs))


def largest_batch(task, size):
    """Returns the number of examples in the largest batch that a task passes forward and back, of `size` in all."""
    if isinstance(task, Train):
        batch_size = min(task.run.batch_size, size)
        return batch_size if task.run.remedy is None else task.run.remedy.examples_at_once(batch_size)
    over = [(choice, choice.largest_set(size)) for choice in task.choices]
    return max(each if choice.batch_size == "all" else min(choice.batch_size, each) for choice, each in over)


def vector_bytes(task, parameters):
    """Returns the bytes of the vectors that a task holds beside a network of so many trainable weights."""
    if isinstance(task, Train):
        # ADAM's two and the gradient, in float32.
        return 3 * 4 * parameters
    return max(choice.vector_bytes(parameters) for choice in task.choices)


def execute(task, workdir, load, *, data_dir=None, wait=True):
    """Carries out the part of a task that is not on disk yet.

    Args:
        task: The task.
        workdir: A `records.Workdir`.
        load: Function like `data.load`; it is called if something is left to do.
        data_dir: TFDS's folder; None for its default.
        wait: Whether to wait for another process that works on the same run, or to raise.

    Raises:
        BusyError: another process works on the same run and `wait` is false.
        UserError: it failed; the message says why.
    """
    if isinstance(task, Train):
        from replication.training import train

        dataset = None if is_done(task, workdir) else load(task.run.dataset, data_dir)
        train(task.run, workdir, data_dir=data_dir, dataset=dataset, wait=wait, verbose=0, keep=task.keep)
        return
    from replication.execution import measurement

    records = [_finished(workdir, run) for run in task.runs]
    dataset = load(task.run.dataset, data_dir) if missing(task, workdir, epochs=records[0].epochs) else None
    if len(records) > 1:
        for choice in task.choices:
            measurement.measure_between(workdir, choice, records, dataset=dataset, wait=wait)
    elif task.at is None:
        measurement.measure_run(*records, task.choices, dataset, wait=wait)
    else:
        measurement.measure_iterates(*records, task.at, task.choices, dataset=dataset, wait=wait)


def _finished(workdir, run):
    record = workdir.run(run)
    if not record.is_finished:
        raise UserError(f"{record.folder}: not finished, so there is no minimizer to measure")
    return record
