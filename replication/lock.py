"""Holds a folder against other processes."""

import contextlib

import filelock

from replication import files
from replication.errors import BusyError, UserError


@contextlib.contextmanager
def hold(folder, what, *, wait, below=True):
    """Holds a folder, made where it is missing; the lock ends with the process at the latest.

    What killed processes have left there of files that they were writing is removed.

    Args:
        folder: The folder.
        what: What it is of, such as "run", for the message of a process that does not wait.
        wait: Whether to wait for another process or to raise at once.
        below: Whether the folders in it are held with it; without, leftovers in them stay.

    Raises:
        BusyError: another process holds the folder.
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror})") from None
    lock = filelock.FileLock(folder / ".lock", timeout=-1 if wait else 0)
    try:
        with lock:
            files.remove_partial(folder, below=below)
            yield
    except filelock.Timeout:
        raise BusyError(f"{folder}: another process is working on this {what}; wait for it, "
                        "or give another --workdir") from None
