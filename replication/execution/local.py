"""Carries out tasks in this process, one after the other."""

from replication import data
from replication.execution.attempt import attempt
from replication.execution.scheduling import Schedule


def execute(tasks, workdir, *, data_dir=None, verbose=0, begin=None):
    """Makes what is not on disk yet.

    A task that fails does not stop the others, except for want of its data. A run that another process works on
    comes last.

    Args:
        tasks: Of `execution.tasks`, each after those that it needs.
        workdir: A `records.Workdir`.
        data_dir: TFDS's folder; None for its default.
        verbose: Keras's progress display in training, default 0: none.
        begin: Function that is told of each task before it begins, by its number from 0; None for none.

    Returns:
        One line for each task that failed, in order.

    Raises:
        MissingDataError: a data set is not prepared; nothing has been started then.
    """
    datasets = load_all(tasks, data_dir)
    schedule = Schedule(tasks)
    while (number := schedule.begin()) is not None:
        if begin is not None:
            begin(number)
        error = attempt(tasks[number], workdir.path, data_dir=data_dir, verbose=verbose, wait=schedule.waits(number),
                        load=lambda name, _: datasets[name])
        schedule.settle(number, error)
    return schedule.failures()


def load_all(tasks, data_dir):
    """The data sets of some tasks, by name.

    Raises:
        MissingDataError: one of them is not prepared.
    """
    return {name: data.load(name, data_dir) for name in sorted({task.run.dataset for task in tasks})}
