"""The order of the examples."""

import itertools

import numpy as np

from replication.data import partition
from replication.training.batches import evaluation_batches, training_batches


def _epoch(seed, first_epoch, epochs=1, size=10, batch_size=4):
    batches = training_batches(size, batch_size=batch_size, seed=seed, first_epoch=first_epoch)
    taken = itertools.islice(batches.as_numpy_iterator(), epochs * -(-size // batch_size))
    return [rows["indices"].tolist() for rows in taken]


def test_an_epoch_holds_each_example_once():
    batches = _epoch(seed=1, first_epoch=0)
    assert [len(rows) for rows in batches] == [4, 4, 2], "the last partial batch is kept"
    assert sorted(sum(batches, [])) == list(range(10))


def test_order_depends_on_seed_and_epoch_alone():
    assert _epoch(1, 0) == _epoch(1, 0)
    assert _epoch(1, 0) != _epoch(2, 0)
    assert _epoch(1, 0) != _epoch(1, 1)
    assert _epoch(1, 0, epochs=3)[6:] == _epoch(1, 2), "a resumed run sees what an uninterrupted one does"


def test_evaluation_batches_are_the_partition():
    order, bounds = partition(11, 4, 0)
    found = list(evaluation_batches("test", order, bounds).as_numpy_iterator())
    batches = [batch["indices"] for batch in found]
    assert not any(batch["of_training_set"] for batch in found)
    assert [len(rows) for rows in batches] == [4, 4, 3]
    assert np.array_equal(np.concatenate(batches), order)
