"""Atomic writing, checksums and locks. A file under its final name is always complete."""

import contextlib
import errno
import hashlib
import json
import math
import os
import pathlib
import tempfile

import filelock
import numpy as np

from replication.errors import BusyError, UserError

_PARTIAL = ".partial-"
# The field of a JSON file that holds the SHA-256 of the other fields.
_CHECKSUM = "sha256"
# A network file system whose lock service is off answers with one of these.
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def sync(path):
    """Has the system write a file to its disk."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacing(path):
    """Yields a temporary path that replaces `path` if the block ends without an error.

    The temporary name ends with the whole name of `path`, because some writers choose the format by the ending
    (`.weights.h5`). After an error the temporary file is removed and `path` is unchanged.

    Args:
        path: The file to write; its folder is created if it is missing.

    Raises:
        OSError: the file cannot be written; the error's `filename` is its path.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=_PARTIAL, suffix="-" + path.name, dir=path.parent)
    os.close(handle)
    temporary = pathlib.Path(temporary)
    try:
        yield temporary
        sync(temporary)
        # mkstemp creates private files, but records get the user's usual permissions.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            # An error such as a full disk does not name the file; the message has to.
            raise OSError(error.errno, os.strerror(error.errno) if error.errno else str(error), str(path)) from error
        raise


def require_room(path, size):
    """Raises an OSError if the disk has no room for a file of `size` bytes; the file is empty afterwards.

    HDF5 needs this check: it may end the process if the disk fills up while it writes.
    """
    if hasattr(os, "posix_fallocate"):
        with open(path, "wb") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                # Some file systems cannot reserve room.
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
            file.truncate(0)


def write_text(path, text):
    """Writes `text` atomically, as UTF-8 with Unix line ends."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path, content):
    """Writes a dictionary atomically as indented JSON, with its checksum as the last field.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    content = {name: value for name, value in content.items() if name != _CHECKSUM}
    content[_CHECKSUM] = _json_checksum(content)
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def without_nan(values):
    """Returns numbers as a list that JSON can hold: None instead of those that are NaN or infinite."""
    return [value if math.isfinite(value) else None for value in values]


def read_json(path, remedy="remove it to have it made again"):
    """Reads a JSON object and removes its checksum; a file without a checksum is read too.

    Args:
        path: The file.
        remedy: Advice for the user in the message about a damaged file.

    Raises:
        UserError: the file is absent or unreadable, holds no JSON object, or does not have its checksum.
    """
    try:
        content = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError):
        raise UserError(f"{path}: not valid JSON; the file is damaged or truncated; {remedy}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a JSON object, found {type(content).__name__}; {remedy}")
    checksum = content.pop(_CHECKSUM, None)
    if checksum not in (None, _json_checksum(content)):
        raise UserError(f"{path}: damaged (its content does not have the checksum in its field {_CHECKSUM}); {remedy}, "
                        "or, if you have changed it, remove that field")
    return content


def remove_partial(folder, name="", *, below=True):
    """Removes the temporary files that killed processes have left in a folder.

    The caller must make sure that no other process is writing there.

    Args:
        folder: The folder, which need not exist.
        name: Removes only the temporary files of the file with this name; "" (default) for all.
        below: Whether subfolders are searched too, default True.
    """
    for path in pathlib.Path(folder).glob(f"{'**/' if below else ''}{_PARTIAL}*{name}"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def lock(folder, what, *, wait, below=True):
    """Locks a folder within a block, and removes the temporary files that killed processes have left there.

    The system releases the lock if the process dies.

    Args:
        folder: The folder; it is created if it is missing.
        what: The content of the folder, such as "run", for the message of a `BusyError`.
        wait: Whether to wait for another process that has the lock, or to raise at once.
        below: Whether temporary files in subfolders are removed too (default); False if others may write there.

    Raises:
        BusyError: another process has the lock.
        UserError: the folder cannot be created, or its file system has no locks.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be created ({error.strerror})") from None
    file_lock = filelock.FileLock(folder / ".lock", timeout=-1 if wait else 0, fallback_to_soft=False)
    try:
        _acquire(file_lock)
    except filelock.Timeout:
        raise BusyError(f"{folder}: another process is working on this {what}; wait for it, "
                        "or give another --workdir") from None
    try:
        remove_partial(folder, below=below)
        yield
    finally:
        file_lock.release()


def file_checksum(path):
    """Returns the SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def array_checksum(*arrays):
    """Returns the SHA-256 of the types, shapes and values of arrays, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(memoryview(array).cast("B"))
    return digest.hexdigest()


def _acquire(file_lock):
    """Acquires a lock; raises a UserError if its file system has no locks."""
    try:
        file_lock.acquire()
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
        raise UserError(f"{file_lock.lock_file}: no file locks here ({error.strerror}); give a --workdir on a file "
                        "system that has them") from None


def _json_checksum(content):
    return hashlib.sha256(json.dumps(content, indent=1).encode("utf-8")).hexdigest()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
