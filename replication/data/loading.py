"""Loading a data set by name."""

import functools

from replication import catalog, errors
from replication.data import cache, digits, images
from replication.data.examples import Data
from replication.errors import MissingDataError

# By name the function that returns train_inputs, train_labels, test_inputs and test_labels of a data set
# which needs no preparation.
READERS = {name: functools.partial(digits.read, name) for name in ("digits", "digits32")}
# What else prepare_data must be told, so that a message can name the whole command.
PREPARED_SETS = {"timit": ("--kaldi_dir=DIR",), "timit_shaped": ()}


def describe(dataset, data_dir=None):
    """The sizes and classes of a data set, without reading its examples.

    Args:
        dataset, data_dir: As in `load`.

    Returns:
        A `catalog.Dataset` with nothing left open.

    Raises:
        UserError: `dataset` is unknown, or its description on disk is damaged.
        MissingDataError: only the prepared data could tell, and they are not there.
    """
    errors.require_name("dataset", dataset, catalog.DATASETS)
    if dataset not in PREPARED_SETS:
        return catalog.DATASETS[dataset]
    return _found(cache.describe, dataset, data_dir)


def load(dataset, data_dir=None):
    """Loads a data set. Never downloads.

    Args:
        dataset: A key of `catalog.DATASETS`.
        data_dir: Folder of the data sets; None (default) for TFDS's own, `TFDS_DATA_DIR` or
            ~/tensorflow_datasets. Not used by the embedded digits.

    Returns:
        A `Data`.

    Raises:
        UserError: `dataset` is unknown, or files on disk are damaged.
        MissingDataError: the data set is not prepared; the message names the command that does it.

    Example:

    >>> load("digits").train_inputs.shape
    (1437, 8, 8, 1)
    """
    errors.require_name("dataset", dataset, catalog.DATASETS)
    if dataset in images.TFDS_NAMES:
        return images.load(dataset, data_dir)
    if dataset in PREPARED_SETS:
        return _found(cache.read, dataset, data_dir)
    return Data.from_arrays(dataset, READERS[dataset]())


def arrays_folder(dataset, data_dir=None):
    """The folder of the arrays of one of `PREPARED_SETS`; TFDS has a timit of its own beside it."""
    return images.resolve_data_dir(data_dir) / f"{dataset}-arrays"


def _found(read, dataset, data_dir):
    found = read(arrays_folder(dataset, data_dir), dataset)
    if found is None:
        raise MissingDataError(f"{dataset}: not prepared in {images.resolve_data_dir(data_dir)}; run "
                               f"{images.command(dataset, data_dir, *PREPARED_SETS[dataset])}")
    return found
