"""Figure 6: sharpness against cross-entropy along an SB and an LB run.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=figure6

It takes 20 minutes on two cores with the two trainings. F1, trial 0 (results/figures/figure6-F1.pdf): as f falls, SB's
sharpness falls to 3.3 and LB's rises to 404.
"""

from replication.experiments.base import Figure, lowest_trials
from replication.experiments.drawing import Panel, Series, plots
from replication.experiments.table3 import common_protocol, measure

_EPSILON = 1e-3


def axes(store):
    """Returns a `Plot` for each comparison of plain SB and LB whose iterates were measured, of its lowest trial."""
    return plots("figure6", [(comparison.label, [*sides.values()], (_panel(sides),))
                             for comparison, sides in lowest_trials(store, points)])


def points(finished_run, protocol=None):
    """Returns the epoch, the cross-entropy and the sharpness of each measured iterate of a run, by epoch.

    Args:
        finished_run: A `store.FinishedRun`.
        protocol: How they were measured; None (default) for that by which they are compared, see `common_protocol`.
    """
    protocol = protocol or common_protocol(finished_run.iterates)
    return [(iterate.epoch, item.content["loss"], item.content["sharpness"])
            for iterate in finished_run.iterates for item in iterate.tabulated
            if item.protocol == protocol and item.choices.epsilon == _EPSILON]


def _panel(sides):
    protocol = common_protocol([iterate for each in sides.values() for iterate in each.iterates])
    found = {regime: points(each, protocol) for regime, each in sides.items()}
    series = tuple(Series(regime, *tuple(zip(*each))[1:], regime, marker="o" if regime == "SB" else "s")
                   for regime, each in found.items() if each)
    return Panel(x_label="cross-entropy, training (nats)", left_label="sharpness (%)", series=series, log_x=True,
                 log_left=True)


FIGURE = Figure(
    name="figure6", title="Sharpness against cross-entropy along a run",
    caption=(
        "Each marker is an iterate; a run begins at the right, at the x₀ that SB and LB share. The paper saw both "
        "methods at a similar sharpness while the loss is large; as it falls, LB’s sharpness rises and SB’s falls: SB "
        "explores and finds flat minimizers, LB ends at sharp ones near its start. ε = 1e-3."),
    needs=lambda setup: measure(setup, setup.runs(setup.study_networks, trials=1), epsilons=(_EPSILON,),
                                at=setup.preset.iterate_schedule), axes=axes)
