"""The distances of section 3: how far SB and LB move from the starting point that they share.

    python -m replication.reproduce --preset=paper --networks=F1 --trials=1 --experiments=distances

It takes 4 minutes a trial on two cores. F1, five trials (results/tables/distances.md): SB moves 4.6 to 7.6 times as far
as LB.
"""

from replication.configuration import Train
from replication.experiments.base import Listing, ListingLine
from replication.store.grouping import comparisons


def listing(store):
    """Returns the headings, and a line for each trial of a comparison that has both regimes."""
    lines = []
    for comparison in comparisons(store.runs):
        for pair in comparison.pairs():
            small, large = (each.result["distance_from_start"] for each in pair)
            lines.append(ListingLine((comparison.where, str(pair[0].run.trial), small, large,
                                      small / large if large else None), tuple(each.name for each in pair)))
    return ("network", "trial", "SB from x₀", "LB from x₀", "SB / LB"), lines


LISTING = Listing(
    name="distances", place="Section 3", title="Distance from the starting point",
    caption=(
        "SB and LB of a trial start from the same x₀. The paper found that SB moves 3 to 10 times as far from it "
        "as LB: LB ends near its start."),
    needs=lambda setup: [Train(run) for run in setup.runs()], listing=listing)
