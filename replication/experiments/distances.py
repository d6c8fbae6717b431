"""The distances of section 3: how far SB and LB move from the starting point that they share."""

from replication.catalog import dataset_label
from replication.experiments import ListingLine, Needs

PLACE = "Section 3"
TITLE = "Distance from the starting point"
CAPTION = (
    "SB and LB of a trial start from the same x₀. The paper found that SB moves 3 to 10 times as far from it "
    "as LB: LB ends near its start."
)


def needs(setup):
    """All runs of the set-up."""
    return Needs(runs=setup.runs())


def listing(store):
    """A line for each trial of a comparison that has both regimes."""
    lines = []
    for comparison in store.comparisons():
        where = f"{comparison.network} on {dataset_label(comparison.dataset)}"
        for pair in comparison.pairs():
            small, large = (minimizer.result["distance_from_start"] for minimizer in pair)
            lines.append(ListingLine(
                (f"{where} ({comparison.label})" if comparison.label else where, str(pair[0].run.trial),
                 small, large, small / large if large else None),
                tuple(minimizer.name for minimizer in pair)))
    return ("network", "trial", "SB from x₀", "LB from x₀", "SB / LB"), lines
