"""The embedded digits are complete, in a fixed split, and refused if they are not as expected."""

import dataclasses

import numpy as np
import pytest

from replication import catalog, data
from replication.errors import UserError

FINGERPRINT = "958cace333265b35ad30bb2d6736143c38189c4dcdbcdd9536e4b4a81489381b"


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def test_shapes_types_and_range(digits):
    assert digits.train_inputs.shape == (1437, 8, 8, 1) and digits.test_inputs.shape == (360, 8, 8, 1)
    assert digits.train_inputs.dtype == digits.test_inputs.dtype == np.float32
    assert digits.train_labels.dtype == digits.test_labels.dtype == np.int32
    assert digits.train_inputs.min() == 0 and digits.train_inputs.max() == 1


def test_fingerprint_is_fixed(digits):
    assert digits.fingerprint == FINGERPRINT
    assert data.load("digits").fingerprint == FINGERPRINT


def test_record(digits):
    assert digits.to_json() == {
        "name": "digits", "fingerprint": FINGERPRINT, "training_size": 1437, "test_size": 360}


def test_split_is_stratified_and_loses_nothing(digits):
    from sklearn import datasets

    pixels, labels = datasets.load_digits(return_X_y=True)
    training, test = np.bincount(digits.train_labels), np.bincount(digits.test_labels)
    np.testing.assert_array_equal(training + test, np.bincount(labels))
    assert np.abs(test - np.bincount(labels) * 360 / 1797).max() <= 1
    together = np.concatenate([digits.train_inputs, digits.test_inputs]).reshape(-1, 64) * 16
    np.testing.assert_array_equal(together[np.lexsort(together.T)], pixels[np.lexsort(pixels.T)])


def test_enlarged_digits_are_the_same_images(digits):
    enlarged = data.load("digits32")
    assert enlarged.train_inputs.shape == (1437, 32, 32, 3) and enlarged.test_inputs.shape == (360, 32, 32, 3)
    for small, large in zip(digits.arrays[::2], enlarged.arrays[::2]):
        squares = large.reshape(-1, 8, 4, 8, 4, 3)
        np.testing.assert_array_equal(squares, np.broadcast_to(small[:, :, None, :, None], squares.shape))
    for small, large in zip(digits.arrays[1::2], enlarged.arrays[1::2]):
        np.testing.assert_array_equal(small, large)


def test_unknown_data_set_is_named():
    with pytest.raises(UserError, match="dataset='mnits': expected one of digits, .*mnist"):
        data.load("mnits")


def test_labels_in_a_column_become_those_in_a_row(digits):
    columns = [array if array.ndim > 1 else array[:, None].astype(np.int64) for array in digits.arrays]
    found = data.Data.from_arrays("digits", columns)
    assert found.train_labels.shape == (1437,) and found.test_labels.dtype == np.int32
    assert found.fingerprint == digits.fingerprint


def test_other_sizes_are_refused(digits, monkeypatch):
    smaller = dataclasses.replace(catalog.DATASETS["digits"], training_size=1436)
    monkeypatch.setitem(catalog.DATASETS, "digits", smaller)
    with pytest.raises(UserError, match=r"^digits, training set: inputs .* expected \(1436, 8, 8, 1\)"):
        data.Data.from_arrays("digits", digits.arrays)
