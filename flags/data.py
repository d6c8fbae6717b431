"""Flag of the folder of the data sets."""

from absl import flags

DATA_DIR = flags.DEFINE_string(
    "data_dir", None,
    "Folder of the data sets, in the layout of TensorFlow Datasets. Without it, TFDS's own: the environment variable "
    "TFDS_DATA_DIR, or ~/tensorflow_datasets.")
