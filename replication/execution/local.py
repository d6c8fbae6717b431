"""Runs what experiments need in this process, one task after the other."""

from absl import logging

from replication import data
from replication.errors import MissingDataError, UserError
from replication.landscape import measure_path
from replication.sharpness.runs import measure_run
from replication.training import train


def execute(needs, workdir, *, data_dir=None, verbose=1):
    """Trains, measures and evaluates what is needed and not on disk yet.

    A task that fails does not stop the others, except for want of its data.

    Args:
        needs: An `experiments.Needs`.
        workdir: A `records.Workdir`.
        data_dir: TFDS's folder; None for its default.
        verbose: Keras's progress display in training.

    Returns:
        One line for each task that failed, in order.

    Raises:
        MissingDataError: a data set is not prepared; nothing has been started then.
    """
    datasets = {name: data.load(name, data_dir) for name in sorted({run.dataset for run in needs.runs})}
    tasks = _tasks(needs, workdir, datasets, data_dir=data_dir, verbose=verbose)
    failures = {}
    for number, (title, task) in enumerate(tasks, start=1):
        logging.info("[%d/%d] %s", number, len(tasks), title)
        try:
            task()
        except MissingDataError:
            raise
        except UserError as error:
            logging.error("%s", error)
            failures[str(error)] = None
    return list(failures)


def _tasks(needs, workdir, datasets, *, data_dir, verbose):
    tasks = [
        (f"train {run.name}", lambda run=run: train(run, workdir, data_dir=data_dir, wait=True, verbose=verbose))
        for run in needs.runs
    ]
    choices = {}
    for run, choice in needs.measurements:
        choices.setdefault(run, []).append(choice)
    tasks += [
        (f"measure the sharpness of {run.name}",
         lambda run=run: measure_run(_finished(workdir, run), choices[run], datasets[run.dataset], wait=True))
        for run in choices
    ]
    tasks += [
        (f"evaluate the {path.kind} path from {small.name} to {large.name}",
         lambda path=path, small=small, large=large: measure_path(
             workdir, path, _finished(workdir, small), _finished(workdir, large), datasets[small.dataset]))
        for small, large, path in needs.paths
    ]
    return tasks


def _finished(workdir, run):
    record = workdir.run(run)
    if not record.is_finished:
        raise UserError(f"{record.folder}: not finished, so there is no minimizer to measure")
    return record
