"""Figure 5: LB warm-started from the iterates of an SB run.

    python -m replication.reproduce --preset=paper --networks=F2,C1 --experiments=figure5
    python -m replication.reproduce --preset=paper --networks=F1 --warm_start_every=10 --experiments=figure5

F1, trial 0, ten warm starts (results/figures/figure5-F1.pdf): LB from x_0 ends at a test accuracy of 98.15 % and a
sharpness of 505 %; from SB's epochs 10, 20 and 30 at 98.67 % or more and a sharpness of 62, 0.6 and 5.7 %, and from
later ones below 0.1 %. The trainings took 2.4 hours of one processor while other jobs ran.
"""

import dataclasses

from replication.configuration import Start, Train
from replication.experiments.base import Figure, test_accuracy
from replication.experiments.drawing import Panel, Series, plots
from replication.experiments.figure4 import grid_run
from replication.experiments.table3 import by_sharpness, common_protocol, measure
from replication.store.grouping import REGIMES, warm_starts

_X_LABEL = "epochs of SB before LB goes on"


def needs(setup):
    """Returns the SB run with its iterates, and the sharpness of LB from x_0 and from each iterate."""
    tasks = []
    epochs, every = setup.preset.warm_start_epochs, setup.warm_start_every
    for network in setup.study_networks:
        sizes = [setup.run(network, regime, 0).batch_size for regime in REGIMES]
        small, large = (grid_run(setup, network, size, epochs=epochs) for size in sizes)
        started = [dataclasses.replace(large, regime="grid", start=Start(small.name, epoch))
                   for epoch in range(every, epochs + 1, every)]
        tasks += [Train(small, (every,)), *measure(setup, [large, *started], epsilons=setup.preset.study_epsilons)]
    return tasks


def axes(store):
    """Returns a `Plot` for each group of warm starts that were measured: accuracy above, sharpness below."""
    return plots("figure5", [
        (group.label, [*filter(None, (group.source, group.reference)), *group.members],
         (_accuracy(group), _sharpness(group)))
        for group in warm_starts(store.runs) if common_protocol(group.members)])


def _epochs(group):
    return tuple(each.run.start.epoch for each in group.members)


def _accuracy(group):
    epochs = _epochs(group)
    series = [Series("test accuracy of LB, warm-started", epochs, tuple(map(test_accuracy, group.members)), "LB",
                     marker="s")]
    if group.source and group.source.history:
        rows = [row for row in group.source.history if row["epoch"] <= epochs[-1]]
        series.append(Series("test accuracy of SB", tuple(row["epoch"] for row in rows),
                             tuple(100 * row["val_accuracy"] for row in rows), "SB"))
    if group.reference:
        accuracy = test_accuracy(group.reference)
        series.append(Series("test accuracy of LB from x₀", (0, epochs[-1]), (accuracy, accuracy), "LB", dashed=True))
    return Panel(x_label=_X_LABEL, left_label="test accuracy (%)", series=tuple(series), log_left=False)


def _sharpness(group):
    members = [group.reference, *group.members] if group.reference else group.members
    positions = (0, *_epochs(group)) if group.reference else _epochs(group)
    return Panel(x_label=_X_LABEL, left_label="sharpness of LB (%)", log_left=True,
                 series=by_sharpness(members, positions, common_protocol(group.members), role="LB"))


FIGURE = Figure(
    name="figure5", title="LB warm-started from the iterates of SB",
    caption=(
        "An SB run is left after some epochs and LB goes on from there. The paper (100 epochs of SB, each iterate "
        "followed by 100 epochs of LB) saw LB reach SB’s test accuracy, at minimizers that are no longer sharp, "
        "once SB has trained for some epochs; started too early, LB ends at sharp minimizers and generalizes worse."),
    needs=needs, axes=axes)
