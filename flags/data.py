"""Flag of the folder of the data sets."""

from absl import flags

from replication import data

DATA_DIR = flags.DEFINE_string(
    "data_dir", None,
    "Folder of the data sets, in the layout of TensorFlow Datasets; by default that of TFDS itself, the environment "
    "variable TFDS_DATA_DIR or ~/tensorflow_datasets.")


def resolve(dataset):
    """Returns the `catalog.Dataset` of a name, with the sizes and classes that only the prepared data can tell.

    Raises:
        MissingDataError: the data that could tell them are not there.
    """
    return data.describe(dataset, DATA_DIR.value)
