"""Plots for each network and label, and series of a sharpness, which several figures share."""

from replication.catalog import dataset_label
from replication.experiments.base import EPSILON_LABELS, Plot, Series
from replication.experiments.table3 import values
from replication.store.grouping import EPSILONS, comparisons


def plots(stem, found):
    """Returns a `Plot` for each of several triples, named STEM-NETWORK, numbered if a network has several.

    Args:
        stem: Name of the experiment.
        found: Triples of a label, which may be "", the `store.FinishedRun`s behind the plot, which share network, data
            set and trial, and its panels.
    """
    networks = [finished_runs[0].run.network for _, finished_runs, _ in found]
    result = []
    for index, (label, finished_runs, panels) in enumerate(found):
        run = finished_runs[0].run
        number = f"-{networks[:index + 1].count(run.network)}" if networks.count(run.network) > 1 else ""
        where = f"{run.network} on {dataset_label(run.dataset)}, trial {run.trial}"
        result.append(Plot(f"{stem}-{run.network}{number}", f"{where} ({label})" if label else where, panels,
                           tuple(dict.fromkeys(each.name for each in finished_runs))))
    return result


def lowest_trials(store, has):
    """Returns the label and the runs by regime of each comparison of plain SB and LB, of its lowest trial.

    Args:
        store: A `store.Store`.
        has: Function from a `store.FinishedRun` to whether it has the records that are drawn; others are left out.
    """
    found = [(comparison.label, comparison.lowest_trial(has)) for comparison in comparisons(store.runs)]
    return [(label, sides) for label, sides in found if sides]


def test_accuracy(finished_run):
    """Returns the test accuracy of a `store.FinishedRun` in percent."""
    return 100 * finished_run.metrics["test_accuracy"]


def by_sharpness(members, positions, protocol, *, role, side="left"):
    """Returns a `Series` of the sharpness of several runs for each epsilon that was measured.

    Args:
        members: The `store.FinishedRun`s.
        positions: The x of each.
        protocol: The protocol of the measurements, as `table3.common_protocol` gives it.
        role, side: See `Series`.
    """
    result = []
    for (name, epsilon), marker in zip(EPSILONS.items(), "s^"):
        points = [(x, value) for x, member in zip(positions, members) for value in values([member], protocol, epsilon)]
        if points:
            x, y = zip(*points)
            result.append(Series(f"sharpness, {EPSILON_LABELS[name]}", x, y, role, dashed=marker == "^",
                                 side=side, marker=marker))
    return tuple(result)
