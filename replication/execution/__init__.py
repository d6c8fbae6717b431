"""The tasks of a replication, how long they will take, and where they run."""

from replication.configuration import executors
from replication.execution import local
from replication.execution.estimate import Throughput, estimate, seconds
from replication.execution.progress import Progress, overview
from replication.execution.tasks import tasks

__all__ = ["Progress", "Throughput", "check", "estimate", "execute", "overview", "seconds", "tasks"]


def execute(tasks, workdir, *, executor=None, **options):
    """Makes what is not on disk yet, where the executor says.

    Args:
        tasks: Of `tasks`.
        workdir: A `records.Workdir`.
        executor: An `executors.Local` or `executors.Ray`; None for this process.
        **options: `data_dir` and `begin`, as in `local.execute`.

    Returns:
        One line for each task that failed, in order.

    Raises:
        MissingDataError: a data set is not prepared; nothing has been started then.
        UserError: there is no such Ray cluster.
    """
    if isinstance(executor, executors.Ray):
        from replication.execution import ray

        return ray.execute(tasks, workdir, executor, **options)
    if executor is not None and executor.jobs > 1:
        from replication.execution import processes

        return processes.execute(tasks, workdir, jobs=executor.jobs, **options)
    return local.execute(tasks, workdir, **options)


def check(executor):
    """Raises a UserError, within seconds, where an executor is not there: a Ray cluster may not be."""
    if isinstance(executor, executors.Ray):
        from replication.execution import ray

        ray.check(executor)
