"""The matched comparison of SB and LB: at equal training loss and after equally many updates.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=matched

It needs the measurements of figure 6 alone.
F1, trial 0 (results/tables/matched.md): at equal training loss LB is 2.9 to 25 times as sharp as SB.
"""

import math

import numpy as np

from replication.experiments import answers
from replication.experiments.base import Listing, ListingLine, lowest_trials
from replication.experiments.figure6 import FIGURE, points
from replication.experiments.table3 import common_protocol

_LOSSES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3)
_UPDATES = (100, 200, 400, 800, 1600)


def listing(store):
    """Returns the headings, and a line for each loss and number of updates that both runs pass."""
    headings = ("network", "compared at", "sharpness of SB (%)", "sharpness of LB (%)", "LB / SB")
    lines = [ListingLine((where, what, small, large, large / small), names)
             for where, names, found in _compared(store) for what, _, small, large in found]
    return headings, lines


def answer(store):
    """Returns how much sharper LB is at equal training loss and after equally many updates."""
    parts = []
    for where, _, found in _compared(store):
        for kind, words in (("loss", "at equal training loss"), ("updates", "after equally many updates")):
            ratios = [large / small for _, each, small, large in found if each == kind]
            if ratios:
                parts.append(f"{words} LB is {answers.span(ratios)} times as sharp as SB ({len(ratios)} "
                             f"{'comparison' if len(ratios) == 1 else 'comparisons'})")
        if parts:
            return f"{where}, one trial: {'; '.join(parts)}."
    return ""


def _compared(store):
    """Returns for each comparison its network in words, the runs' names, and tuples (what, kind, SB, LB)."""
    result = []
    for comparison, sides in lowest_trials(store, points):
        if len(sides) < 2:
            continue
        small, large = sides["SB"], sides["LB"]
        protocol = common_protocol([*small.iterates, *large.iterates])
        found = []
        for kind, levels in (("loss", _LOSSES), ("updates", _UPDATES)):
            curves = [_curve(each, kind, protocol) for each in (small, large)]
            for level in levels:
                values = [_at(level, *curve) for curve in curves]
                if None not in values:
                    what = f"f = {level:g}" if kind == "loss" else f"{level:,} updates"
                    found.append((what, kind, *values))
        result.append((comparison.where, (small.name, large.name), found))
    return result


def _curve(finished_run, kind, protocol):
    """Returns ln f or ln updates of the measured iterates but x_0, in ascending order, and ln sharpness there."""
    steps = math.ceil(finished_run.training_size / finished_run.run.batch_size)
    found = sorted((loss if kind == "loss" else epoch * steps, sharpness)
                   for epoch, loss, sharpness in points(finished_run, protocol) if epoch and loss > 0 and sharpness > 0)
    return tuple(np.log(np.array(found).reshape(-1, 2).T))


def _at(level, positions, sharpness):
    """Returns the sharpness at a level, on straight lines between iterates in the logarithms; None outside them."""
    if not len(positions) or not positions[0] <= math.log(level) <= positions[-1]:
        return None
    return float(np.exp(np.interp(math.log(level), positions, sharpness)))


LISTING = Listing(
    name="matched", place="Why", title="SB and LB at equal training loss, and after equally many updates",
    caption=(
        "SB and LB end at different training losses, and LB makes fewer updates, so comparing the final points of the "
        "two runs is not fair. Here the sharpness along the runs of figure 6 is read off at the same f, and after the "
        "same number of updates, on straight lines between the measured iterates in logarithms. ε = 1e-3, the full "
        "space."),
    needs=FIGURE.needs, listing=listing, answer=answer)
