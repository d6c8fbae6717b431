"""Prepared arrays on disk, which later processes map into memory instead of preparing them again."""

import contextlib
import math
import shutil
import tokenize

import numpy as np
from absl import logging

from replication import catalog, errors, files
from replication.data.examples import Data
from replication.errors import UserError

_ARRAYS = ("train_inputs.npy", "train_labels.npy", "test_inputs.npy", "test_labels.npy")
# The file is written last: the cache is complete if it exists.
_SUMMARY = "arrays.json"
# NumPy parses the header of a file as Python source, so that damage raises many kinds of errors.
_DAMAGE = (OSError, ValueError, EOFError, TypeError, SyntaxError, tokenize.TokenError)


def describe(folder, name):
    """Returns the resolved dataset of the arrays in a cache, without reading them.

    Args:
        folder: A `pathlib.Path`.
        name: Name of the data set.

    Returns:
        A `catalog.Dataset`, or None if there is no complete cache.

    Raises:
        UserError: the summary of the arrays is damaged.
    """
    path = folder / _SUMMARY
    return _resolve(path, name, files.read_json(path)) if path.exists() else None


def read(folder, name):
    """Reads a data set from a cache.

    Args:
        folder: A `pathlib.Path`.
        name: Name of the data set.

    Returns:
        A `Data` whose arrays are read-only memory maps, or None if there is no complete cache.

    Raises:
        UserError: a file is damaged; the message names it.
    """
    path = folder / _SUMMARY
    if not path.exists():
        return None
    summary = files.read_json(path)
    arrays = tuple(_open(folder / file) for file in _ARRAYS)
    fingerprint = files.array_checksum(*arrays)
    if fingerprint != summary.get("fingerprint"):
        raise _damaged(_first_damaged(folder, arrays, summary))
    return Data.from_arrays(name, arrays, fingerprint=fingerprint, details=summary.get("details"),
                            resolved=_resolve(path, name, summary))


@contextlib.contextmanager
def writing(folder, name, resolved, *, details=None):
    """Creates a cache from arrays that the caller fills on disk, so that they are never in memory as a whole.

    Yields:
        train_inputs, train_labels, test_inputs and test_labels as writable memory maps, float32 and int32. If the
        block ends without an error, they are checked and replace the contents of the folder; after an error the
        folder is unchanged.

    Args:
        folder: A `pathlib.Path`; it is created if it is missing, and locked against other processes.
        name: Name of the data set.
        resolved: The resolved `catalog.Dataset`.
        details: The choices of the preparation; by default none.

    Raises:
        UserError: the disk has too little room, or the arrays do not have the sizes and classes of `resolved`.
    """
    shapes = [shape for size in (resolved.training_size, resolved.test_size)
              for shape in ((size, *resolved.input_shape), (size,))]
    created = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        with files.lock(folder, "data set", wait=True):
            _check_room(folder, shapes)
            with contextlib.ExitStack() as stack:
                temporary = [stack.enter_context(files.replacing(folder / file)) for file in _ARRAYS]
                arrays = tuple(
                    np.lib.format.open_memmap(path, mode="w+", dtype=np.float32 if len(shape) > 1 else np.int32,
                                              shape=shape)
                    for path, shape in zip(temporary, shapes, strict=True))
                yield arrays
                for array in arrays:
                    array.flush()
                summary = _summarize(Data.from_arrays(name, arrays, resolved=resolved, details=details))
                # Windows renames no file that is mapped into memory.
                for array in arrays:
                    array._mmap.close()
                # Here, and not between the renames of the files, it takes seconds and may fail.
                for path in temporary:
                    files.sync(path)
                # Until the new summary is written, the folder counts as having no cache.
                (folder / _SUMMARY).unlink(missing_ok=True)
            files.write_json(folder / _SUMMARY, summary)
    except BaseException:
        if created:
            with contextlib.suppress(OSError):
                (folder / ".lock").unlink(missing_ok=True)
                for each in created:
                    each.rmdir()
        raise


def write(folder, data):
    """Writes a data set into a cache; logs a warning if the folder cannot be written to."""
    try:
        with files.lock(folder, "data set", wait=True):
            for file, array in zip(_ARRAYS, data.arrays, strict=True):
                with files.replacing(folder / file) as temporary:
                    np.save(temporary, array, allow_pickle=False)
            files.write_json(folder / _SUMMARY, _summarize(data))
    except (OSError, UserError) as error:
        logging.warning("%s: the decoded arrays cannot be kept there (%s); every start decodes them again",
                        folder, getattr(error, "strerror", None) or error)


def _summarize(data):
    checksums = {file: files.array_checksum(array) for file, array in zip(_ARRAYS, data.arrays, strict=True)}
    return {**data.to_json(), "checksums": checksums}


def _resolve(path, name, summary):
    sizes = ("training_size", "test_size", "classes")
    resolved = catalog.DATASETS[name].resolve(**{field: summary.get(field) for field in sizes})
    if not all(errors.is_whole(getattr(resolved, field), 1) for field in sizes):
        raise _damaged(path)
    return resolved


def _check_room(folder, shapes):
    # Filling a memory map on a full disk ends the process without a message. Each number takes four bytes.
    needed, free = 4 * sum(map(math.prod, shapes)), shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(f"{folder}: {needed / 1e9:.2f} GB needed, {free / 1e9:.2f} GB free; give another --data_dir")


def _open(path):
    try:
        # `devices.as_tensor` can share copy-on-write memory under a read-only view, but not memory of the mode "r".
        array = np.load(path, mmap_mode="c", allow_pickle=False)
    except PermissionError:
        raise
    except _DAMAGE:
        raise _damaged(path) from None
    array = array.view()
    array.flags.writeable = False
    return array


def _first_damaged(folder, arrays, summary):
    checksums = summary.get("checksums", {})
    for file, array in zip(_ARRAYS, arrays, strict=True):
        if files.array_checksum(array) != checksums.get(file):
            return folder / file
    return folder / _SUMMARY


def _damaged(path):
    return UserError(f"{path}: damaged or truncated; remove the folder {path.parent} "
                     "and prepare the data set again with `python -m replication.prepare_data`")
