"""Figure 5: LB warm-started from the iterates of an SB run."""

import dataclasses

from replication.catalog import regime_batch_size
from replication.configuration import Start
from replication.experiments import Needs, Panel, Plot, Series, _grid
from replication.experiments._plots import by_sharpness, names, titled
from replication.experiments._sharpness import common_way, measurements

TITLE = "LB warm-started from the iterates of SB"
CAPTION = (
    "An SB run is left after some epochs and LB goes on from there. The paper (100 epochs of SB, each iterate "
    "followed by 100 epochs of LB) saw LB reach SB’s test accuracy, at minimizers that are no longer sharp, "
    "once SB has trained for some epochs; started too early, LB ends at sharp minimizers and generalizes worse."
)
_X_LABEL = "epochs of SB before LB goes on"


def needs(setup):
    """The SB run with its iterates, LB from x_0, and LB from each iterate; LB's sharpness in the full space."""
    runs, iterates, measured = [], [], []
    for network in setup.study_networks:
        epochs, every = setup.preset.warm_start_epochs, setup.warm_start_every
        small, large = (
            _grid.run(setup, network, regime_batch_size(setup.preset.batch_sizes[regime], setup.description(network)),
                      epochs=epochs) for regime in ("SB", "LB"))
        started = [dataclasses.replace(large, regime="grid", start=Start(small.name, epoch))
                   for epoch in range(every, epochs + 1, every)]
        runs += [small, large, *started]
        iterates.append((small, every))
        measured += [large, *started]
    return Needs(runs=tuple(runs), iterates=tuple(iterates), measurements=measurements(setup, measured))


def axes(store):
    """A `Plot` for each family of warm starts that were measured: accuracy above, sharpness below."""
    found = [(family.run, family.label, family) for family in store.warm_starts() if common_way(family.members)]
    return [Plot(name, title, (_accuracy(family), _sharpness(family)), names(_behind(family)))
            for name, title, family in titled("figure5", found)]


def _behind(family):
    return filter(None, (family.source, family.reference, *family.members))


def _epochs(family):
    return tuple(minimizer.run.start.epoch for minimizer in family.members)


def _accuracy(family):
    epochs = _epochs(family)
    series = [Series("test accuracy of LB, warm-started", epochs, tuple(map(_test_accuracy, family.members)), "LB",
                     marker="s")]
    if family.source and family.source.history:
        rows = [row for row in family.source.history if row["epoch"] <= epochs[-1]]
        series.append(Series("test accuracy of SB", tuple(row["epoch"] for row in rows),
                             tuple(100 * row["val_accuracy"] for row in rows), "SB"))
    if family.reference:
        accuracy = _test_accuracy(family.reference)
        series.append(Series("test accuracy of LB from x₀", (0, epochs[-1]), (accuracy, accuracy), "LB", dashed=True))
    return Panel(x_label=_X_LABEL, left_label="test accuracy (%)", series=tuple(series), log_left=False)


def _sharpness(family):
    members = [family.reference, *family.members] if family.reference else family.members
    positions = (0, *_epochs(family)) if family.reference else _epochs(family)
    return Panel(x_label=_X_LABEL, left_label="sharpness of LB (%)", log_left=True,
                 series=by_sharpness(members, positions, common_way(family.members), "LB"))


def _test_accuracy(minimizer):
    return 100 * minimizer.figures["test_accuracy"]
