"""The execution of a replication's tasks: how long they will take, and where they run."""

import contextlib

from replication.configuration.executors import Local, Ray
from replication.errors import UserError
from replication.execution import local
from replication.execution.estimate import Throughput, estimate, seconds
from replication.execution.local import Progress, overview
from replication.execution.tasks import pending

__all__ = ["Progress", "Throughput", "check", "divide_processors", "estimate", "execute", "overview", "seconds"]


def divide_processors(found, workdir, *, executor):
    """Gives this process as many threads as each process gets in which an executor works on this machine.

    An estimate that is timed then fits those processes. It must be called before TensorFlow's first operation.

    Args:
        found, workdir, executor: See `execute`.

    Returns:
        The number of these processes, if the memory holds them; 1 for this process alone and for a cluster.
    """
    if not isinstance(executor, Local) or executor.jobs == 1:
        return 1
    from replication import machine

    machine.use_threads(machine.share_of_processors(executor.jobs))
    try:
        return max(1, min(executor.jobs, len(pending(found, workdir))))
    except UserError:
        # A damaged record, which is set aside or named later.
        return executor.jobs


def execute(found, workdir, *, executor=None, **options):
    """Carries out the tasks that are not on disk yet, where the executor says.

    Args:
        found: The tasks, see `configuration.tasks.merge`.
        workdir: A `records.Workdir`.
        executor: A `configuration.executors.Local` or `Ray`; None for this process.
        **options: `data_dir`, `begin`, `end` and `meanwhile`, see `local.execute`.

    Returns:
        One line for each task that failed, in order.

    Raises:
        MissingDataError: a data set is not prepared; nothing has been started then.
        UserError: there is no such Ray cluster.
    """
    if isinstance(executor, Ray):
        from replication.execution import ray

        return ray.execute(found, workdir, executor, **options)
    if executor is not None and executor.jobs > 1:
        from replication.execution import processes

        return processes.execute(found, workdir, jobs=executor.jobs, **options)
    return local.execute(found, workdir, **options)


def check(found, workdir=None, *, executor=None, data_dir=None):
    """Raises an error, within seconds, if what tasks need is not there.

    Args:
        found, executor, data_dir: See `execute`.
        workdir: A `records.Workdir`: what is on disk there needs nothing. None (default) if everything may be made.

    Raises:
        UserError: there is no such Ray cluster.
        MissingDataError: a data set is not prepared.
    """
    if isinstance(executor, Ray):
        from replication.execution import ray

        ray.check(executor)
    # A damaged record is set aside or named later.
    with contextlib.suppress(UserError):
        found = found if workdir is None else pending(found, workdir)
    local.load_all(found, data_dir)
