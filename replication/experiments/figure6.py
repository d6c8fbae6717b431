"""Figure 6: sharpness against cross-entropy along an SB and an LB run."""

from replication.experiments import Needs, Panel, Plot, Series
from replication.experiments._plots import names, titled
from replication.experiments._sharpness import choices, common_way

TITLE = "Sharpness against cross-entropy along a run"
EPSILON = 1e-3
CAPTION = (
    "Each marker is an iterate, of epochs 0, 1, 2, 4, … and the last; a run begins at the right, at the x₀ that SB and "
    "LB share. The paper "
    "saw both methods at a similar sharpness while the loss is large; as it falls, LB’s sharpness rises and "
    "SB’s falls: SB explores and finds flat minimizers, LB ends at sharp ones near its start. ε = 1e-3."
)


def needs(setup):
    """The iterates of SB and LB, trial 0, and their sharpness and that of x_0 in the full space."""
    runs = tuple(setup.run(network, regime, 0) for network in setup.study_networks for regime in ("SB", "LB"))
    schedule = setup.preset.iterate_schedule
    return Needs(runs=runs, iterates=tuple((run, schedule) for run in runs), iterate_measurements=tuple(
        (run, schedule, choices(setup, run, EPSILON)) for run in runs))


def axes(store):
    """A `Plot` for each comparison of the store whose iterates were measured, of its lowest trial."""
    found = []
    for comparison in store.comparisons():
        if sides := comparison.lowest_trial(_points):
            found.append((next(iter(sides.values())).run, comparison.label, sides))
    return [Plot(name, title, (_panel(sides),), names(sides.values()))
            for name, title, sides in titled("figure6", found)]


def _points(minimizer):
    """For each measured iterate its cross-entropy and its sharpness, by epoch."""
    way = common_way(minimizer.iterates)
    return [(measurement.content["loss"], measurement.content["sharpness"])
            for iterate in minimizer.iterates for measurement in iterate.measurements
            if measurement.way == way and measurement.choices.epsilon == EPSILON]


def _panel(sides):
    series = tuple(Series(regime, *zip(*_points(minimizer)), regime, marker="o" if regime == "SB" else "s")
                   for regime, minimizer in sides.items())
    return Panel(x_label="cross-entropy, training (nats)", left_label="sharpness (%)", series=series, log_x=True,
                 log_left=True)
