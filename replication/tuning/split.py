"""The validation set of a search, a part of the training set."""

import dataclasses

import numpy as np

from replication import data
from replication.errors import UserError
from replication.files import array_checksum


def hold_out(dataset, share, *, seed=0):
    """Holds out a part of the training set for validation; the test set is left out altogether.

    Args:
        dataset: A `data.Data`. Its test arrays are not read.
        share: Share of the training set that is held out, in (0, 1); the number of examples is rounded.
        seed: Whole number that decides which examples are held out. Default: 0.

    Returns:
        A `data.Data` of the same name. Its training set is the remaining part of the training set in the same order,
        and its test set the held-out part. It has a fingerprint of its own, and `details` states where it comes from.

    Raises:
        UserError: one of the two parts is empty.
    """
    size = len(dataset.train_labels)
    held_out = round(share * size)
    if not 0 < held_out < size:
        raise UserError(f"validation_share={share}: of {size} examples that leaves {held_out} for validation and "
                        f"{size - held_out} for training; expected some of both")
    validation = data.choose(size, held_out, seed)
    training = np.delete(np.arange(size), validation)
    arrays = (dataset.train_inputs[training], dataset.train_labels[training],
              dataset.train_inputs[validation], dataset.train_labels[validation])
    return dataclasses.replace(
        dataset, train_inputs=arrays[0], train_labels=arrays[1], test_inputs=arrays[2], test_labels=arrays[3],
        fingerprint=array_checksum(*arrays),
        resolved=dataclasses.replace(dataset.resolved, training_size=len(training), test_size=held_out),
        details={**dataset.details, "validation_share": share, "validation_seed": seed, "part_of": dataset.fingerprint})
