"""Figure 7 (appendix D): cross-entropy and accuracy on a curve through an SB and an LB minimizer."""

from replication.experiments import _paths

TITLE = "Cross-entropy and accuracy along a curve from the SB to the LB minimizer"
CAPTION = (
    "As figure 3, on the curve sin(απ/2) times the LB minimizer plus cos(απ/2) times the SB minimizer, which "
    "does not shrink the weights between the two as a line does. The paper saw the same as on the line: a "
    "wide valley around SB, a narrow one around LB. Solid: training set, dashed: test set."
)


def needs(setup):
    """The curved path of trial 0 of each network."""
    return _paths.needs(setup, "curved")


def axes(store):
    """A `Plot` for each pair of configurations joined by a path, of its lowest trial."""
    return _paths.axes(store, "curved", "figure7")
