"""Decoded arrays on disk, so that a later start maps them into memory in place of decoding again."""

import tokenize

import numpy as np
from absl import logging

from replication import files
from replication.data.examples import Data
from replication.errors import UserError

_ARRAYS = ("train_inputs.npy", "train_labels.npy", "test_inputs.npy", "test_labels.npy")
# Written last: the cache is complete when it is there.
_DESCRIPTION = "arrays.json"
# NumPy parses the header of a file as Python source, so that damage shows in many ways.
_DAMAGE = (OSError, ValueError, EOFError, TypeError, SyntaxError, tokenize.TokenError)


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
    return Data.from_arrays(name, arrays, fingerprint=fingerprint)


def write(folder, data):
    """Caches a data set; a folder that cannot be written to is no error, but is logged."""
    checksums = {file: files.array_checksum(array) for file, array in zip(_ARRAYS, data.arrays, strict=True)}
    try:
        for file, array in zip(_ARRAYS, data.arrays, strict=True):
            with files.replacing(folder / file) as temporary:
                np.save(temporary, array, allow_pickle=False)
        files.write_json(folder / _DESCRIPTION, {**data.to_json(), "checksums": checksums})
    except OSError as error:
        logging.warning("%s: the decoded arrays cannot be kept there (%s); every start decodes them again",
                        folder, error.strerror or error)


def _open(path):
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except PermissionError:
        raise
    except _DAMAGE:
        raise _damaged(path) from None


def _first_damaged(folder, arrays, description):
    checksums = description.get("checksums", {})
    for file, array in zip(_ARRAYS, arrays, strict=True):
        if files.array_checksum(array) != checksums.get(file):
            return folder / file
    return folder / _DESCRIPTION


def _damaged(path):
    return UserError(f"{path}: damaged or truncated; remove the folder {path.parent}, "
                     "it is rebuilt from TFDS's data")
