"""One task in whatever process carries it out."""

from replication import data, records
from replication.errors import MissingDataError, UserError


def attempt(task, workdir, *, data_dir=None, wait=True, verbose=0, load=data.load):
    """Carries out a task.

    Args:
        task: Of `execution.tasks`.
        workdir: The folder's path.
        data_dir: TFDS's folder; None for its default.
        wait: Whether to wait for another process that works on the same run.
        verbose: Keras's progress display in training.
        load: Function as `data.load`.

    Returns:
        None, or the `UserError` that the task failed with. `BusyError` says that it is to be tried again.

    Raises:
        MissingDataError: the data set is not prepared.
    """
    try:
        task.execute(records.Workdir(workdir), load(task.run.dataset, data_dir), data_dir=data_dir, verbose=verbose,
                     wait=wait)
    except MissingDataError:
        raise
    except UserError as error:
        return error
    except OSError as error:
        if error.filename is None:
            raise
        return UserError(f"{error.filename}: {error.strerror}")
    return None
