"""Figure 3: cross-entropy and accuracy on the line through an SB and an LB minimizer.

    python -m replication.reproduce --preset=paper --networks=F1 --trials=1 --experiments=figure3

It takes 4 minutes of training and half a minute for the path on two cores. F1, trial 0
(results/figures/figure3-F1.pdf): f rises ten-thousandfold within an eighth of the way beyond LB's minimizer.
"""

import functools

from replication.configuration import Measure, Path
from replication.experiments.base import Figure
from replication.experiments.drawing import Panel, Series, plots
from replication.store.grouping import first_paths

_SPLITS = (("train", "training"), ("test", "test"))


def needs(setup, kind):
    """Returns the path of a kind between SB and LB of trial 0 of each network."""
    return [Measure(pair, (Path(kind=kind, points=setup.preset.points),)) for pair in setup.pairs(trials=1)]


def axes(store, kind, stem, *, filter_normalized=False):
    """Returns a `Plot` for each comparison that a path of a kind joins, of its lowest trial."""
    return plots(stem, [(path.label, (path.small, path.large), (_panel(path.content),))
                        for path in first_paths(store.paths, kind, filter_normalized=filter_normalized)])


def _panel(content):
    alpha = tuple(content["alpha"])
    losses = [Series(f"cross-entropy, {title}", alpha, tuple(content[f"{split}_loss"]), "left",
                     dashed=split == "test") for split, title in _SPLITS]
    accuracies = [Series(f"accuracy, {title}", alpha, tuple(map(_percent, content[f"{split}_accuracy"])), "right",
                         dashed=split == "test", side="right") for split, title in _SPLITS]
    return Panel(x_label="α (0: SB minimizer, 1: LB minimizer)", left_label="cross-entropy (nats)",
                 right_label="accuracy (%)", series=(*losses, *accuracies), marks=((0.0, "SB"), (1.0, "LB")))


def _percent(share):
    return None if share is None else 100 * share


FIGURE = Figure(
    name="figure3", title="Cross-entropy and accuracy along the line from the SB to the LB minimizer",
    caption=(
        "Each point on the line is α times the LB minimizer plus 1 − α times the SB minimizer. Compare how "
        "fast the solid cross-entropy rises to either side of the two marks. The paper saw, for all six "
        "networks, a wide valley around SB and a narrow one around LB: the LB minimizers are far sharper along "
        "this line. Solid: training set, dashed: test set."),
    needs=functools.partial(needs, kind="linear"), axes=functools.partial(axes, kind="linear", stem="figure3"))
