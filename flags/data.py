"""Flags of the data set."""

from absl import flags

from replication import configuration
from replication.errors import UserError

DATASET = flags.DEFINE_string(
    "dataset", None,
    f"Data set: {', '.join(configuration.DATASETS)}. Without it, the network's own, as in the paper.")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None,
    "Folder of the data sets of TensorFlow Datasets. Without it, TFDS's own: the environment variable "
    "TFDS_DATA_DIR, or ~/tensorflow_datasets.")


def dataset(default=None):
    """The data set asked for, or else `default`, such as the network's own.

    Raises:
        UserError: the name is unknown, or there is none and no default.
    """
    name = default if DATASET.value is None else DATASET.value
    if name is None:
        raise UserError(f"--dataset: required, one of {', '.join(configuration.DATASETS)}")
    configuration.require_name("--dataset", name, configuration.DATASETS)
    return name
