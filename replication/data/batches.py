"""The partition of a data set into the batches of evaluation, and a choice of some examples."""

import numpy as np

from replication.errors import is_whole, require


def choose(size, examples, seed=0):
    """A fixed random choice of `examples` of `size` examples, as sorted rows, int64 [examples].

    Raises:
        UserError: more are asked for than there are.
    """
    require(examples <= size, "examples", examples, f"at most {size}, the size of the training set")
    return np.sort(np.random.default_rng(seed).permutation(size)[:examples]).astype(np.int64, copy=False)


def partition(size, batch_size, seed=0):
    """A fixed random partition of `size` examples into batches as equal as possible.

    Without shuffling, a set sorted by class would give batches of odd statistics; without equal
    sizes, a small last batch would.

    Args:
        size: Number of examples M, at least 1.
        batch_size: Upper bound of a batch, at least 1.
        seed: Whole number of at least 0; the same seed gives the same partition.

    Returns:
        permutation: int64 [size], the examples in the order of evaluation.
        boundaries: int64 [k + 1] with k = ceil(size / batch_size): batch j holds the examples
            permutation[boundaries[j]:boundaries[j + 1]]. Sizes differ by at most one, larger first.

    Raises:
        UserError: an argument is out of range; the message names it.
    """
    for name, value, least in (("size", size, 1), ("batch_size", batch_size, 1), ("seed", seed, 0)):
        require(is_whole(value, least), name, value, f"a whole number of at least {least}")
    batches = -(-size // batch_size)
    smaller, larger = divmod(size, batches)
    sizes = np.full(batches, smaller, dtype=np.int64)
    sizes[:larger] += 1
    permutation = np.random.default_rng(seed).permutation(size).astype(np.int64, copy=False)
    return permutation, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64, copy=False)
