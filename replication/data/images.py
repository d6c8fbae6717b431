"""Reads the image data sets that TensorFlow Datasets (TFDS) has prepared on disk. Nothing here downloads."""

import contextlib
import os
import pathlib
import re
import shlex

import numpy as np
from absl import logging

from replication.data import cache
from replication.data.examples import Data
from replication.errors import MissingDataError, UserError, require

# The version is part of the name because it decides the folder, and with it the examples of a run.
TFDS_NAMES = {
    "mnist": "mnist:3.0.1",
    "cifar10": "cifar10:3.0.2",
    "cifar100": "cifar100:3.0.2",
}
_BATCH = 1000


def resolve_data_dir(data_dir=None):
    """Returns the folder of TFDS's data sets as a `pathlib.Path`; None stands for TFDS's default.

    Raises:
        UserError: `data_dir` is a file, or empty.
    """
    require(data_dir != "", "data_dir", data_dir, "the folder of TFDS's data sets")
    # This repeats TFDS's rule, because a cached data set is loaded without importing TFDS.
    folder = pathlib.Path(os.path.expanduser(data_dir or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")))
    if folder.is_file():
        raise UserError(f"data_dir={folder}: a file; give the folder of TFDS's data sets")
    return folder


def prepared_folder(dataset, data_dir=None):
    """Returns the folder in which TFDS keeps the data set, such as DATA_DIR/mnist/3.0.1."""
    return resolve_data_dir(data_dir).joinpath(*TFDS_NAMES[dataset].split(":"))


def is_prepared(dataset, data_dir=None):
    """Returns whether TFDS has prepared the data set.

    Raises:
        UserError: the data set's folder is incomplete; TFDS would neither read nor rebuild it.
    """
    folder = prepared_folder(dataset, data_dir)
    if (folder / "dataset_info.json").exists():
        return True
    if folder.exists():
        raise UserError(f"{folder}: incomplete (no dataset_info.json); remove the folder and run "
                        f"{command(dataset, data_dir)}")
    return False


def load(dataset, data_dir=None):
    """Loads a data set from the cache of arrays beside TFDS's folder, or decodes the images and writes the cache.

    Raises:
        MissingDataError: the data set is not prepared; the message names the command that prepares it.
        UserError: files are damaged; the message names the folder and the remedy.
    """
    folder = prepared_folder(dataset, data_dir)
    # For TFDS only names of the form x.y.z are versions, so that it never opens this folder.
    cache_folder = folder.with_name(folder.name + "-arrays")
    if cached := cache.read(cache_folder, dataset):
        return cached
    if not is_prepared(dataset, data_dir):
        raise MissingDataError(f"{dataset}: not prepared in {resolve_data_dir(data_dir)}; run "
                               f"{command(dataset, data_dir)}")
    data = Data.from_arrays(dataset, _decode(dataset, data_dir))
    cache.write(cache_folder, data)
    return data


@contextlib.contextmanager
def fewer_messages():
    """Silences TFDS's messages of the level "info" within a block, because they would interrupt its progress bars."""
    verbosity = logging.get_verbosity()
    if verbosity == logging.INFO:
        logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def command(dataset, data_dir, *options):
    """Returns the command that prepares a data set, in backquotes; `options` are further flags."""
    words = ["python", "-m", "replication.prepare_data", f"--dataset={dataset}", *options]
    if data_dir is not None:
        words.append(f"--data_dir={data_dir}")
    return f"`{shlex.join(words)}`"


def _decode(dataset, data_dir):
    import tensorflow as tf
    import tensorflow_datasets as tfds
    from google.protobuf import json_format

    try:
        with fewer_messages():
            builder = tfds.builder(TFDS_NAMES[dataset], data_dir=resolve_data_dir(data_dir))
            return (*_read_split(builder, "train"), *_read_split(builder, "test"))
    except (tf.errors.PermissionDeniedError, tf.errors.ResourceExhaustedError) as error:
        raise UserError(f"{prepared_folder(dataset, data_dir)}: cannot be read ({_reason(error)})") from error
    except (tf.errors.OpError, json_format.ParseError, ValueError, KeyError) as error:
        raise UserError(f"{prepared_folder(dataset, data_dir)}: damaged ({_reason(error)}); remove the "
                        f"folder and run {command(dataset, data_dir)}") from error


def _read_split(builder, split):
    import tensorflow_datasets as tfds

    size = builder.info.splits[split].num_examples
    inputs = np.empty((size, *builder.info.features["image"].shape), np.float32)
    labels = np.empty(size, np.int32)
    # The examples are read in the order of the files, without TFDS's cache in memory.
    batches = builder.as_dataset(
        split=split, batch_size=_BATCH, shuffle_files=False,
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )
    start = 0
    for batch in tfds.as_numpy(batches):
        stop = start + len(batch["label"])
        np.divide(batch["image"], np.float32(255), out=inputs[start:stop])
        labels[start:stop] = batch["label"]
        start = stop
    if start != size:
        raise ValueError(f"{start} of {size} examples in {split}")
    return inputs, labels


def _reason(error):
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    # TensorFlow puts the names of operations before and after the reason.
    return re.sub(r"\{\{.*?\}\} *|\.? *\[Op:.*", "", line)
