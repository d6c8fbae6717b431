"""The matched comparison of SB and LB: at equal training loss and after equally many updates.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=matched

It needs the measurements of figure 6 alone.
F1, trial 0 (results/tables/matched.md): at equal training loss LB is 2.9 to 7.1 times as sharp as SB.
"""

import dataclasses
import itertools
import math

from replication.experiments import answers
from replication.experiments.base import Listing, ListingLine, lowest_trials
from replication.experiments.figure6 import FIGURE, points
from replication.experiments.table3 import common_protocol

_LOSSES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3)
_UPDATES = (100, 200, 400, 800, 1600)


def listing(store):
    """Returns the headings, and a line for each loss and number of updates that both runs pass."""
    headings = ("network", "compared at", "SB’s epochs", "LB’s epochs", "sharpness of SB (%)", "sharpness of LB (%)",
                "LB / SB")
    lines = [ListingLine((where, what, small.epochs, large.epochs, small.sharpness, large.sharpness,
                          large.sharpness / small.sharpness), names)
             for where, names, found in _compared(store) for what, _, small, large in found]
    return headings, lines


@answers.joined
def answer(store):
    """Yields for each network how much sharper LB is at equal training loss and after equally many updates."""
    for where, _, found in _compared(store):
        parts = []
        for kind, words in (("loss", "at equal training loss"), ("updates", "after equally many updates")):
            ratios = {what: large.sharpness / small.sharpness for what, each, small, large in found if each == kind}
            if ratios:
                parts.append(f"{words} LB is {answers.span(ratios.values())} times as sharp as SB "
                             f"({', '.join(ratios)})")
        if parts:
            yield f"{where}, one trial, interpolated between epochs: {'; '.join(parts)}."


@dataclasses.dataclass(frozen=True)
class Crossing:
    """Where a run passes a training loss or a number of updates for the first time.

    Attributes:
        epochs: The epochs of the iterates before and after it, as text.
        sharpness: The sharpness there, on a straight line between the two in logarithms.
    """

    epochs: str
    sharpness: float


def _compared(store):
    """Returns for each comparison its network in words, the runs' names, and tuples (what, kind, SB, LB).

    SB and LB are `Crossing`s.
    """
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
                values = [_crossing(level, curve, falling=kind == "loss") for curve in curves]
                if None not in values:
                    what = f"f = {level:g}" if kind == "loss" else f"{level:,} updates"
                    found.append((what, kind, *values))
        result.append((comparison.where, (small.name, large.name), found))
    return result


def _curve(finished_run, kind, protocol):
    """Returns the epoch, f or the number of updates, and the sharpness of each measured iterate but x_0, by epoch."""
    return [(epoch, loss if kind == "loss" else epoch * finished_run.updates_per_epoch, sharpness)
            for epoch, loss, sharpness in points(finished_run, protocol) if epoch and loss > 0 and sharpness > 0]


def _crossing(level, curve, *, falling):
    """Returns the first `Crossing` of a level between consecutive iterates; None if the first is beyond it already."""
    sign = -1 if falling else 1
    if not curve or sign * curve[0][1] > sign * level:
        return None
    for (epoch, before, sharpness), (next_epoch, after, next_sharpness) in itertools.pairwise(curve):
        if sign * before <= sign * level <= sign * after:
            share = math.log(level / before) / math.log(after / before) if after != before else 0.0
            return Crossing(f"{epoch} to {next_epoch}", sharpness * (next_sharpness / sharpness) ** share)
    return None


LISTING = Listing(
    name="matched", place="Why", title="SB and LB at equal training loss, and after equally many updates",
    caption=(
        "SB and LB end at different training losses, and LB makes fewer updates, so comparing the final points of the "
        "two runs is not fair. Here the sharpness along the runs of figure 6 is read off where each first passes the "
        "same f, and after the same number of updates, on a straight line in logarithms between the measured iterates "
        "before and after. ε = 1e-3, the full space."),
    needs=FIGURE.needs, listing=listing, answer=answer)
