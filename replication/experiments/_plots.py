"""What several figures share: their titles, the names of their files and runs, and series of a quantity."""

from replication.catalog import dataset_label
from replication.experiments import EPSILON_LABELS, EPSILONS, Series
from replication.experiments._sharpness import values


def titled(stem, found):
    """The name and the title of each of several plots.

    Args:
        stem: Name of the experiment.
        found: Triples of a `configuration.Run`, a label, which may be "", and what is to be drawn.

    Returns:
        Triples of a name, `stem`-NETWORK and numbered where a network has several, a title, and what is
        to be drawn.
    """
    networks = [run.network for run, _, _ in found]
    result = []
    for index, (run, label, thing) in enumerate(found):
        number = networks[:index].count(run.network) + 1
        name = f"{stem}-{run.network}" + (f"-{number}" if networks.count(run.network) > 1 else "")
        where = f"{run.network} on {dataset_label(run.dataset)}, trial {run.trial}"
        result.append((name, f"{where} ({label})" if label else where, thing))
    return result


def names(minimizers):
    """The names of the runs of several `report.store.Minimizer`s, each once."""
    return tuple(dict.fromkeys(minimizer.name for minimizer in minimizers))


def by_sharpness(members, positions, way, role, *, side="left"):
    """A `Series` of the sharpness of several minimizers for each epsilon that was measured.

    Args:
        members: The `report.store.Minimizer`s.
        positions: The x of each.
        way: As in `_sharpness.values`.
        role, side: As in `Series`.
    """
    result = []
    for (name, epsilon), marker in zip(EPSILONS.items(), "s^"):
        points = [(x, value) for x, member in zip(positions, members) for value in values([member], way, epsilon)]
        if points:
            x, y = zip(*points)
            result.append(Series(f"sharpness, {EPSILON_LABELS[name]}", x, y, role, dashed=marker == "^",
                                 side=side, marker=marker))
    return tuple(result)
