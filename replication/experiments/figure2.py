"""Figure 2: training and test accuracy of SB and LB against the number of epochs.

    python -m replication.reproduce --preset=paper --networks=F1 --trials=1 --experiments=figure2

It takes 4 minutes a trial on two cores. F1 (results/figures/figure2-F1.pdf): the test accuracy of trial 0 ends at 98.15
(SB) and 98.14 % (LB).
"""

from replication.configuration import Train
from replication.experiments.base import Figure, lowest_trials
from replication.experiments.drawing import Panel, Series, plots


def axes(store):
    """Returns a `Plot` for each comparison of plain SB and LB, of its lowest trial."""
    return plots("figure2", [(comparison.label, [*sides.values()], (_panel(sides),))
                             for comparison, sides in lowest_trials(store, lambda each: each.history)])


def _panel(sides):
    series = [
        Series(f"{regime}, {title}", tuple(row["epoch"] for row in each.history),
               tuple(100 * row[column] for row in each.history), regime, dashed=title == "test")
        for regime, each in sides.items() for title, column in (("training", "accuracy"), ("test", "val_accuracy"))
    ]
    return Panel(x_label="epochs", left_label="accuracy (%)", series=tuple(series), log_left=False)


FIGURE = Figure(
    name="figure2", title="Training and test accuracy against epochs",
    caption=(
        "Compare the dashed lines where the solid ones have met: once SB and LB fit the training set equally well, is "
        "LB’s test accuracy still below SB’s? The paper (F2 and C1) saw a gap that does not close with further "
        "training and is not due to overfitting: LB’s test accuracy does not fall again but levels off lower. Solid "
        "lines: training accuracy measured during the epoch, with dropout where the network has it; dashed lines: test "
        "accuracy after it."),
    needs=lambda setup: [Train(run) for run in setup.runs(trials=1)], axes=axes)
