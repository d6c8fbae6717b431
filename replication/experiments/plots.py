"""What several figures share: names and titles of their plots, and series of a sharpness."""

from replication.catalog import dataset_label
from replication.experiments.base import EPSILON_LABELS, Series
from replication.experiments.table3 import values
from replication.store.grouping import EPSILONS, comparisons


def titled(stem, found):
    """Returns the name and the title of each of several plots.

    Args:
        stem: Name of the experiment.
        found: Triples of a `configuration.Run`, a label, which may be "", and what is to be drawn.

    Returns:
        A list of (name, title, what is to be drawn); the name is STEM-NETWORK, numbered if a network has several.
    """
    networks = [run.network for run, _, _ in found]
    result = []
    for index, (run, label, thing) in enumerate(found):
        number = networks[:index].count(run.network) + 1
        name = f"{stem}-{run.network}" + (f"-{number}" if networks.count(run.network) > 1 else "")
        where = f"{run.network} on {dataset_label(run.dataset)}, trial {run.trial}"
        result.append((name, f"{where} ({label})" if label else where, thing))
    return result


def of_lowest_trials(store, stem, has, *, regimes=1):
    """Returns (name, title, runs by regime) for each comparison of the main selection, of its lowest trial.

    Args:
        store: A `store.Store`.
        stem: Name of the experiment.
        has: Function that tells whether a `store.FinishedRun` has what is drawn.
        regimes: Number of regimes without which a comparison is left out.
    """
    found = [(comparison.label, comparison.lowest_trial(has)) for comparison in comparisons(store.finished_runs)]
    return titled(stem, [(next(iter(sides.values())).run, label, sides)
                         for label, sides in found if len(sides) >= regimes])


def names(finished_runs):
    """Returns the names of several `store.FinishedRun`s, each once."""
    return tuple(dict.fromkeys(each.name for each in finished_runs))


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
