"""The performance model of appendix C: when large batches are faster on P processors.

I_s and I_l iterations with batches of B_s and B_l examples cost I_s B_s and I_l B_l gradients of single examples.
On P processors small batches reach the share f_s(P) of the speed that large ones have, whose parallel efficiency
is taken as 1. So large batches are faster where

    I_l B_l / P < I_s B_s / (P f_s(P)),    that is    I_l / I_s < B_s / (f_s(P) B_l).
"""

from replication.validation import is_finite, is_whole, require


def largest_iteration_ratio(efficiency, small_batch, large_batch):
    """The I_l / I_s below which large batches are faster, B_s / (f_s(P) B_l).

    Args:
        efficiency: f_s(P), the parallel efficiency of small batches, in (0, 1].
        small_batch, large_batch: B_s and B_l, in examples.

    Raises:
        UserError: a value is out of range.

    >>> largest_iteration_ratio(0.2, 100, 1000)
    0.5
    """
    require(is_finite(efficiency) and 0 < efficiency <= 1, "efficiency", efficiency, "a number in (0, 1]")
    _require_positive(small_batch=small_batch, large_batch=large_batch)
    return small_batch / large_batch / efficiency


def largest_efficiency(iteration_ratio, small_batch, large_batch):
    """The f_s(P) below which large batches are faster, B_s / ((I_l / I_s) B_l): the inverse of the above.

    Args:
        iteration_ratio: I_l / I_s, as measured.
        small_batch, large_batch: B_s and B_l, in examples.

    Returns:
        A positive number. Of 1 and more: large batches are faster at every efficiency of small ones, as they take
        fewer gradients of single examples altogether.

    Raises:
        UserError: a value is out of range.
    """
    _require_positive(iteration_ratio=iteration_ratio, small_batch=small_batch, large_batch=large_batch)
    return small_batch / large_batch / iteration_ratio


def iterations(epochs, examples, batch_size):
    """I, the iterations of so many epochs over so many examples; a last partial batch is one.

    Raises:
        UserError: a value is out of range.
    """
    for name, value, least in (("epochs", epochs, 0), ("examples", examples, 1), ("batch_size", batch_size, 1)):
        require(is_whole(value, least), name, value, f"a whole number of at least {least}")
    return epochs * -(-examples // batch_size)


def _require_positive(**values):
    for name, value in values.items():
        require(is_finite(value) and value > 0, name, value, "a positive number")
