"""Arrays ready for training on disk, which a later start maps into memory in place of making them again."""

import contextlib
import dataclasses
import math
import shutil
import tokenize

import numpy as np
from absl import logging

from replication import catalog, errors, files
from replication.data.examples import Data
from replication.errors import UserError

_ARRAYS = ("train_inputs.npy", "train_labels.npy", "test_inputs.npy", "test_labels.npy")
# Written last: the cache is complete when it is there.
_DESCRIPTION = "arrays.json"
_OPEN_FIELDS = ("training_size", "test_size", "classes")
# NumPy parses the header of a file as Python source, so that damage shows in many ways.
_DAMAGE = (OSError, ValueError, EOFError, TypeError, SyntaxError, tokenize.TokenError)


def describe(folder, name):
    """What a data set cached in `folder` is like, without its arrays.

    Args:
        folder: A `pathlib.Path`.
        name: The data set's name.

    Returns:
        A `catalog.Dataset` with nothing left open, or None where there is no complete cache.

    Raises:
        UserError: the description is damaged.
    """
    path = folder / _DESCRIPTION
    return _described(path, name, files.read_json(path)) if path.exists() else None


def read(folder, name):
    """The data set cached in `folder`, or None where there is no complete cache.

    Args:
        folder: A `pathlib.Path`.
        name: The data set's name.

    Returns:
        A `Data` whose arrays are read-only memory maps.

    Raises:
        UserError: a file is damaged; the message names it.
    """
    if not (folder / _DESCRIPTION).exists():
        return None
    description = files.read_json(folder / _DESCRIPTION)
    arrays = tuple(_open(folder / file) for file in _ARRAYS)
    fingerprint = files.array_checksum(*arrays)
    if fingerprint != description.get("fingerprint"):
        raise _damaged(_first_damaged(folder, arrays, description))
    return Data.from_arrays(
        name, arrays, fingerprint=fingerprint, details=description.get("details"),
        description=_described(folder / _DESCRIPTION, name, description))


@contextlib.contextmanager
def writing(folder, name, description, *, details=None):
    """Makes a cache whose arrays never stand in memory as a whole.

    Yields:
        train_inputs, train_labels, test_inputs and test_labels as writable memory maps, float32 and
        int32, to be filled. When the block ends without an error they are checked and take the place
        of what the folder held; after an error that is as before.

    Args:
        folder: A `pathlib.Path`; made where it is missing, and held against other processes.
        name: The data set's name.
        description: Its `catalog.Dataset`, with nothing left open.
        details: As in `Data`.

    Raises:
        UserError: the disk has too little room, or the arrays are not what `description` says.
    """
    shapes = [shape for size in (description.training_size, description.test_size)
              for shape in ((size, *description.input_shape), (size,))]
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        with files.lock(folder, "data set", wait=True):
            _check_room(folder, shapes)
            with contextlib.ExitStack() as stack:
                arrays = tuple(
                    np.lib.format.open_memmap(stack.enter_context(files.replacing(folder / file)), mode="w+",
                                              dtype=np.float32 if len(shape) > 1 else np.int32, shape=shape)
                    for file, shape in zip(_ARRAYS, shapes, strict=True))
                yield arrays
                for array in arrays:
                    array.flush()
                data = Data.from_arrays(name, arrays, description=description, details=details)
                content = _content(data)
                # Until the new description is there, the folder counts as having no cache.
                (folder / _DESCRIPTION).unlink(missing_ok=True)
            files.write_json(folder / _DESCRIPTION, content)
    except BaseException:
        if made:
            with contextlib.suppress(OSError):
                (folder / ".lock").unlink(missing_ok=True)
                for each in made:
                    each.rmdir()
        raise


def write(folder, data):
    """Caches a data set; a folder that cannot be written to is no error, but is logged."""
    try:
        with files.lock(folder, "data set", wait=True):
            for file, array in zip(_ARRAYS, data.arrays, strict=True):
                with files.replacing(folder / file) as temporary:
                    np.save(temporary, array, allow_pickle=False)
            files.write_json(folder / _DESCRIPTION, _content(data))
    except (OSError, UserError) as error:
        logging.warning("%s: the decoded arrays cannot be kept there (%s); every start decodes them again",
                        folder, getattr(error, "strerror", None) or error)


def _content(data):
    checksums = {file: files.array_checksum(array) for file, array in zip(_ARRAYS, data.arrays, strict=True)}
    return {**data.to_json(), "checksums": checksums}


def _described(path, name, content):
    known = catalog.DATASETS[name]
    found = {field: content.get(field) for field in _OPEN_FIELDS if getattr(known, field) is None}
    if not all(errors.is_whole(value, 1) for value in found.values()):
        raise _damaged(path)
    return dataclasses.replace(known, **found)


def _check_room(folder, shapes):
    # A memory map of a full disk would end the process without a message. Four bytes a number.
    needed, free = 4 * sum(map(math.prod, shapes)), shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(f"{folder}: {needed / 1e9:.2f} GB needed, {free / 1e9:.2f} GB free; give another --data_dir")


def _open(path):
    try:
        # Copy-on-write under a read-only view: `devices.on_device` can share such memory, with "r" it cannot.
        array = np.load(path, mmap_mode="c", allow_pickle=False)
    except PermissionError:
        raise
    except _DAMAGE:
        raise _damaged(path) from None
    array = array.view()
    array.flags.writeable = False
    return array


def _first_damaged(folder, arrays, description):
    checksums = description.get("checksums", {})
    for file, array in zip(_ARRAYS, arrays, strict=True):
        if files.array_checksum(array) != checksums.get(file):
            return folder / file
    return folder / _DESCRIPTION


def _damaged(path):
    return UserError(f"{path}: damaged or truncated; remove the folder {path.parent} "
                     "and prepare the data set again with `python -m replication.prepare_data`")
