import numpy as np
import pytest

from replication.data import partition
from replication.errors import UserError


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
