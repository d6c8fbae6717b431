"""Figure 3: cross-entropy and accuracy on the line through an SB and an LB minimizer."""

from replication.experiments import _paths

TITLE = "Cross-entropy and accuracy along the line from the SB to the LB minimizer"
CAPTION = (
    "Each point on the line is α times the LB minimizer plus 1 − α times the SB minimizer. Compare how "
    "fast the solid cross-entropy rises to either side of the two marks. The paper saw, for all six "
    "networks, a wide valley around SB and a narrow one around LB: the LB minimizers are far sharper along "
    "this line. Solid: training set, dashed: test set."
)


def needs(setup):
    """The linear path of trial 0 of each network."""
    return _paths.needs(setup, "linear")


def axes(store):
    """A `Plot` for each pair of configurations joined by a path, of its lowest trial."""
    return _paths.axes(store, "linear", "figure3")
