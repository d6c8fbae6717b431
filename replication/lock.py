"""Holds a folder against other processes."""

import contextlib
import errno

import filelock

from replication import files
from replication.errors import BusyError, UserError

# As of network file systems whose lock service is off.
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


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
        UserError: it cannot be made, or its file system has no locks.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror})") from None
    lock = filelock.FileLock(folder / ".lock", timeout=-1 if wait else 0)
    try:
        _acquire(lock)
    except filelock.Timeout:
        raise BusyError(f"{folder}: another process is working on this {what}; wait for it, "
                        "or give another --workdir") from None
    try:
        files.remove_partial(folder, below=below)
        yield
    finally:
        lock.release()


def _acquire(lock):
    """Acquires a lock; raises a UserError where its file system has none."""
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
        raise UserError(f"{lock.lock_file}: no file locks here ({error.strerror}); give a --workdir on a file system "
                        "that has them") from None
