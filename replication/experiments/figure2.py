"""Figure 2: training and test accuracy of SB and LB against the number of epochs."""

from replication.experiments import Needs, Panel, Plot, Series
from replication.experiments._plots import names, titled

TITLE = "Training and test accuracy against epochs"
CAPTION = (
    "Compare the dashed lines where the solid ones have met: once SB and LB fit the training set equally "
    "well, is LB’s test accuracy still below SB’s? The paper (F2 and C1) saw a gap that does not close with "
    "further training and is no overfitting: LB’s test accuracy does not fall again, it levels off lower. "
    "Solid: training accuracy as it is met during the epoch, with dropout; dashed: test accuracy after it."
)


def needs(setup):
    """SB and LB of trial 0 of each network."""
    return Needs(runs=tuple(setup.run(network, regime, 0) for network in setup.networks for regime in ("SB", "LB")))


def axes(store):
    """A `Plot` for each comparison of the store, of its lowest trial."""
    found = []
    for comparison in store.comparisons():
        if sides := comparison.lowest_trial(lambda minimizer: minimizer.history):
            found.append((next(iter(sides.values())).run, comparison.label, sides))
    return [Plot(name, title, (_panel(sides),), names(sides.values()))
            for name, title, sides in titled("figure2", found)]


def _panel(sides):
    series = [
        Series(f"{regime}, {title}", tuple(row["epoch"] for row in minimizer.history),
               tuple(100 * row[column] for row in minimizer.history), regime, dashed=title == "test")
        for regime, minimizer in sides.items()
        for title, column in (("training", "accuracy"), ("test", "val_accuracy"))
    ]
    return Panel(x_label="epochs", left_label="accuracy (%)", series=tuple(series), log_left=False)
