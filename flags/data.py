"""Flags of the data set."""

from absl import flags

from replication import catalog, validation
from replication.errors import UserError

DATASET = flags.DEFINE_string(
    "dataset", None,
    f"Data set: {', '.join(catalog.DATASETS)}. Without it, the network's own, as in the paper.")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None,
    "Folder of the data sets, in the layout of TensorFlow Datasets. Without it, TFDS's own: the environment variable "
    "TFDS_DATA_DIR, or ~/tensorflow_datasets.")

_KALDI_DIR = flags.DEFINE_string(
    "kaldi_dir", None, "timit: folder with what Kaldi's recipe has left in train/ and test/; see BUILD.md.")
_NORMALIZE_SPEAKERS = flags.DEFINE_bool(
    "normalize_speakers", False, "timit: mean 0 and variance 1 of each feature for each speaker (needs utt2spk).")
_FRAMES = flags.DEFINE_integer(
    "frames", None, "timit_shaped: frames to generate, training and test together (the paper's TIMIT: 1031950). "
    "Without it 50000, or what is there.")


def preparation():
    """The options of `data.prepare`, as a dictionary."""
    return {"kaldi_dir": _KALDI_DIR.value, "normalize_speakers": _NORMALIZE_SPEAKERS.value, "frames": _FRAMES.value}


def dataset(default=None):
    """The data set asked for, or else `default`, such as the network's own.

    Raises:
        UserError: the name is unknown, or there is none and no default.
    """
    name = default if DATASET.value is None else DATASET.value
    if name is None:
        raise UserError(f"--dataset: required, one of {', '.join(catalog.DATASETS)}")
    validation.require_name("--dataset", name, catalog.DATASETS)
    return name
