"""Loading a data set by name."""

from replication import configuration
from replication.data import digits, images
from replication.data.examples import Data


def load(dataset, data_dir=None):
    """Loads a data set. Never downloads.

    Args:
        dataset: A key of `configuration.DATASETS`.
        data_dir: Folder of TFDS's data sets; None (default) for TFDS's own, `TFDS_DATA_DIR` or
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
    configuration.require_name("dataset", dataset, configuration.DATASETS)
    if dataset in images.TFDS_NAMES:
        return images.load(dataset, data_dir)
    return Data.from_arrays(dataset, digits.read(dataset))
