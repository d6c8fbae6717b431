"""The performance model of appendix C: how many iterations LB may take and still be faster than SB.

    python -m replication.reproduce --preset=paper --networks=F1 --trials=1 --experiments=performance

It takes 4 minutes a trial on two cores. F1, trial 0 (results/figures/performance-F1.pdf): LB took 570 iterations, SB
9,400.

I_s and I_l iterations with batches of B_s and B_l examples cost I_s B_s and I_l B_l gradients of single examples.
On P processors small batches reach the share f_s(P) of the speed of large ones, whose parallel efficiency is taken
as 1. So large batches are faster if

    I_l B_l / P < I_s B_s / (P f_s(P)),    that is    I_l / I_s < B_s / (f_s(P) B_l).
"""

from replication.configuration import Train
from replication.errors import is_finite, is_whole, require
from replication.experiments.base import Figure, lowest_trials
from replication.experiments.drawing import Panel, Series, plots

_EFFICIENCIES = tuple(number / 100 for number in range(2, 101))


def largest_iteration_ratio(efficiency, small_batch, large_batch):
    """Returns the I_l / I_s below which large batches are faster, B_s / (f_s(P) B_l).

    Args:
        efficiency: f_s(P), the parallel efficiency of small batches, in (0, 1].
        small_batch, large_batch: B_s and B_l, in examples.

    Raises:
        UserError: a value is out of range.

    >>> largest_iteration_ratio(0.2, 100, 1000)
    0.5
    """
    require(is_finite(efficiency) and 0 < efficiency <= 1, "efficiency", efficiency, "a number in (0, 1]")
    for name, value in (("small_batch", small_batch), ("large_batch", large_batch)):
        require(is_finite(value) and value > 0, name, value, "a positive number")
    return small_batch / large_batch / efficiency


def iterations(epochs, examples, batch_size):
    """Returns the number of iterations of some epochs over some examples; a last partial batch is one.

    Raises:
        UserError: a value is out of range.
    """
    for name, value, least in (("epochs", epochs, 0), ("examples", examples, 1), ("batch_size", batch_size, 1)):
        require(is_whole(value, least), name, value, f"a whole number of at least {least}")
    return epochs * -(-examples // batch_size)


def axes(store):
    """Returns a `Plot` for each comparison of plain SB and LB that has both, of its lowest trial."""
    found = lowest_trials(store, lambda each: each.training_size and each.result["epochs"])
    return plots("performance", [(comparison.label, [*sides.values()], (_panel(**sides),))
                                 for comparison, sides in found if len(sides) == 2])


def _panel(SB, LB):
    batches = SB.run.batch_size, LB.run.batch_size
    small, large = (iterations(side.result["epochs"], side.training_size, side.run.batch_size) for side in (SB, LB))
    ours = large / small
    bounds = tuple(largest_iteration_ratio(efficiency, *batches) for efficiency in _EFFICIENCIES)
    series = [Series("largest ratio at which LB is faster", _EFFICIENCIES, bounds, "ink"),
              Series(f"our runs: {large:,} / {small:,} = {ours:.3g}",
                     (_EFFICIENCIES[0], 1.0), (ours, ours), "LB", dashed=True)]
    return Panel(x_label="parallel efficiency of SB, f_s(P)", left_label="iterations, I_l / I_s",
                 series=tuple(series), log_left=True)


FIGURE = Figure(
    name="performance", place="Appendix C", title="When large batches are faster",
    caption=(
        "With parallel efficiency f_s(P) of SB on P processors, and LB’s taken as 1, LB is faster below the curve: "
        "I_l / I_s < B_s / (f_s(P) B_l). The paper’s example: with f_s(P) = 0.2 and a tenth of the batch, LB may "
        "take at most half as many iterations. The dashed line is the ratio of our own runs: LB pays off at the "
        "efficiencies to the left of where it meets the curve; at all of them if it lies below the whole curve, and "
        "at none that is shown if it lies above."),
    needs=lambda setup: [Train(run) for run in setup.runs(trials=1)], axes=axes)
