"""Atomic writing, checksums and locks: a file that is found under its final name is complete."""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import tempfile

import filelock
import numpy as np

from replication.errors import BusyError, UserError

_PARTIAL = ".partial-"
# The field of a JSON file that holds the SHA-256 of the rest.
_CHECKSUM = "sha256"
# Network file systems whose lock service is off answer with one of these.
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextlib.contextmanager
def replacing(path):
    """Yields a temporary path beside `path` that takes its place when the block ends without an error.

    The temporary name keeps the whole name of `path` as its ending, because some writers choose the
    format by it (`.weights.h5`). After an error the temporary file is removed and `path` is as before.

    Args:
        path: The file to write; its folder is made where it is missing.

    Raises:
        OSError: it cannot be written; the error's `filename` tells where.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=_PARTIAL, suffix="-" + path.name, dir=path.parent)
    os.close(handle)
    temporary = pathlib.Path(temporary)
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        # mkstemp makes private files; a record is as readable as any other file of the user's.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            # Such as a full disk: who reads the message wants to know where.
            raise OSError(error.errno, os.strerror(error.errno) if error.errno else str(error), str(path)) from error
        raise


def require_room(path, size):
    """Raises an OSError where a file cannot grow to so many bytes, as on a full disk; the file is empty afterwards.

    For writers that do not survive a disk that fills up: HDF5 may end the process.
    """
    if hasattr(os, "posix_fallocate"):
        with open(path, "wb") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                # File systems that cannot reserve room.
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
            file.truncate(0)


def write_text(path, text):
    """Writes `text` as UTF-8 with Unix line ends, atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path, content):
    """Writes an object as indented JSON, atomically, with its checksum as a last field.

    NaN and infinities are refused (ValueError).
    """
    content = {name: value for name, value in content.items() if name != _CHECKSUM}
    content[_CHECKSUM] = _json_checksum(content)
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_json(path, remedy="remove it to have it made again"):
    """Reads a JSON object, without its checksum, which it may lack.

    Args:
        path: The file.
        remedy: What the user can do where it is damaged, for the message.

    Raises:
        UserError: the file is absent, unreadable, does not hold a JSON object or is not as it was written.
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
    """Removes what killed processes have left of files that they were writing in a folder or below it.

    Nobody else may be writing them.

    Args:
        folder: The folder; it need not be there.
        name: Only of files of this name; "" for all.
        below: Whether those of the folders in it are removed as well.
    """
    for path in pathlib.Path(folder).glob(f"{'**/' if below else ''}{_PARTIAL}*{name}"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def lock(folder, what, *, wait, below=True):
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
    held = filelock.FileLock(folder / ".lock", timeout=-1 if wait else 0)
    try:
        _acquire(held)
    except filelock.Timeout:
        raise BusyError(f"{folder}: another process is working on this {what}; wait for it, "
                        "or give another --workdir") from None
    try:
        remove_partial(folder, below=below)
        yield
    finally:
        held.release()


def file_checksum(path):
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def array_checksum(*arrays):
    """The SHA-256 of arrays' types, shapes and values, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(memoryview(array).cast("B"))
    return digest.hexdigest()


def _acquire(held):
    """Acquires a lock; raises a UserError where its file system has none."""
    try:
        held.acquire()
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
        raise UserError(f"{held.lock_file}: no file locks here ({error.strerror}); give a --workdir on a file system "
                        "that has them") from None


def _json_checksum(content):
    return hashlib.sha256(json.dumps(content, indent=1).encode("utf-8")).hexdigest()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
