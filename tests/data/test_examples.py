"""Examples are checked, and the partition into batches is even, complete and seeded."""

import re

import numpy as np
import pytest

from replication.data import check_examples, partition
from replication.errors import UserError

INPUTS = np.zeros((4, 3), np.float32)


@pytest.mark.parametrize("labels", [
    [0, 1, 2, 0], np.array([[0], [1], [2], [0]], np.uint8), np.array([0.0, 1.0, 2.0, 0.0]),
])
def test_labels_come_back_as_int32(labels):
    inputs, checked = check_examples(INPUTS, labels, 3)
    assert inputs is INPUTS
    assert checked.dtype == np.int32 and checked.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("labels, message", [
    ([0, 1, 3, 0], "labels[2]=3: expected 0 to 2"),
    ([0, -1, 3, 0], "labels[1]=-1: expected 0 to 2"),
    ([0, 1, 1.5, 0], "labels[2]=1.5: expected a whole number"),
    ([0, 1, np.nan, 0], "labels[2]=nan: expected a whole number"),
    ([0, 1, np.inf, 0], "labels[2]=inf: expected 0 to 2"),
    ([0, 1, 2**40, 0], "labels[2]=1099511627776: expected 0 to 2"),
    ([0, 1, 2], "labels: 3 for 4 inputs"),
    (np.eye(4), "labels: shape (4, 4), expected [N] or [N, 1]; numpy.argmax"),
    (1, "labels: shape ()"),
    (["a", "b", "c", "d"], "expected an array of whole numbers"),
    ([True, False, True, False], "labels: type bool, expected an array of whole numbers"),
    ([[0], [1, 2], [0], [1]], "labels: not an array"),
])
def test_bad_labels_are_named(labels, message):
    with pytest.raises(UserError, match=re.escape(message)) as raised:
        check_examples(INPUTS, labels, 3)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("inputs, message", [
    (np.zeros((0, 3)), "inputs: shape (0, 3), expected at least one example"),
    (np.zeros((4, 3), complex), "inputs: type complex128"),
    (np.array(["a"] * 4), "expected an array of real numbers"),
])
def test_bad_inputs_are_named(inputs, message):
    with pytest.raises(UserError, match=re.escape(message)):
        check_examples(inputs, [0] * len(inputs), 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("index", [(0, 0, 0), (1234, 30, 7), (2999, 31, 31)])
def test_first_value_that_is_not_finite_is_found_across_chunks(value, index):
    inputs = np.zeros((3000, 32, 32), np.float32)
    inputs[index] = value
    inputs[2999, 31, 31] = value
    with pytest.raises(UserError, match=re.escape(f"inputs[{', '.join(map(str, index))}]={value}: expected")):
        check_examples(inputs, np.zeros(3000, int), 10)


def test_inputs_of_whole_numbers_are_admitted():
    check_examples(np.zeros((2, 5), np.uint8), [0, 1], 2)


@pytest.mark.parametrize("size, batch_size", [
    (1, 1), (10, 3), (10, 10), (10, 11), (1437, 144), (1437, 5000), (60_000, 5000), (12_001, 5000), (7, 1),
])
def test_partition_is_even_and_complete(size, batch_size):
    permutation, boundaries = partition(size, batch_size, 0)
    sizes = np.diff(boundaries)
    assert permutation.dtype == boundaries.dtype == np.int64
    np.testing.assert_array_equal(np.sort(permutation), np.arange(size))
    assert len(sizes) == -(-size // batch_size)
    assert boundaries[0] == 0 and boundaries[-1] == size
    assert sizes.max() <= batch_size
    assert sizes.max() - sizes.min() <= 1
    assert sizes.tolist() == [len(part) for part in np.array_split(np.arange(size), len(sizes))]


def test_partition_depends_on_the_seed_alone():
    first, again, other = (partition(1000, 100, seed)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_partition_leaves_the_global_generator_alone():
    before = np.random.get_state()[1].copy()
    partition(1000, 100, 0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("arguments, name", [
    ((0, 1, 0), "size=0"), ((10, 0, 0), "batch_size=0"), ((10, 1, -1), "seed=-1"),
    ((10, 2.5, 0), "batch_size=2.5"),
])
def test_partition_names_a_bad_argument(arguments, name):
    with pytest.raises(UserError, match=f"^{name}: expected"):
        partition(*arguments)
