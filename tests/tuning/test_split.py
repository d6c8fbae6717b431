"""The validation set: a fixed part of the training set, and nothing of the test set."""

import dataclasses

import numpy as np
import pytest

from replication import data
from replication.errors import UserError
from replication.tuning import hold_out


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def _rows(*arrays):
    return sorted(map(bytes, np.concatenate([array.reshape(len(array), -1) for array in arrays])))


def test_both_parts_together_are_the_training_set(digits):
    parts = hold_out(digits, 1 / 6)
    assert (len(parts.train_labels), len(parts.test_labels)) == (1197, 240)
    assert _rows(parts.train_inputs, parts.test_inputs) == _rows(digits.train_inputs)
    assert sorted([*parts.train_labels, *parts.test_labels]) == sorted(digits.train_labels)


def test_labels_go_with_their_inputs(digits):
    marked = dataclasses.replace(digits, train_inputs=digits.train_labels.astype(np.float32))
    parts = hold_out(marked, 0.25)
    np.testing.assert_array_equal(parts.train_inputs, parts.train_labels)
    np.testing.assert_array_equal(parts.test_inputs, parts.test_labels)


def test_the_test_set_is_not_looked_at(digits):
    blind = dataclasses.replace(digits, test_inputs=None, test_labels=None)
    assert hold_out(blind, 0.1).fingerprint == hold_out(digits, 0.1).fingerprint
    assert not set(_rows(hold_out(digits, 0.1).test_inputs)) & set(_rows(digits.test_inputs)) - set(
        _rows(digits.train_inputs))


def test_the_seed_and_the_share_decide(digits):
    parts = hold_out(digits, 0.1, seed=3)
    assert parts.fingerprint == hold_out(digits, 0.1, seed=3).fingerprint
    assert parts.fingerprint != hold_out(digits, 0.1, seed=4).fingerprint
    assert parts.to_json()["details"] == {
        "validation_share": 0.1, "validation_seed": 3, "part_of": digits.fingerprint}
    assert parts.resolved.training_size == parts.to_json()["training_size"] == 1293


@pytest.mark.parametrize("share", [1e-4, 0.9999])
def test_no_part_is_empty(digits, share):
    with pytest.raises(UserError, match=f"validation_share={share}: of 1437 examples"):
        hold_out(digits, share)
