"""Measurements of sharpness: those that experiments ask for, and the values that they take from the records."""

import collections

from replication.configuration import Sharpness
from replication.experiments import EPSILON_LABELS, EPSILONS, Column, Contrast, Needs, Row

COLUMNS = tuple(
    Column(f"{name}_{regime}", quantity, regime, "sharpness")
    for name, quantity in EPSILON_LABELS.items() for regime in ("SB", "LB")
)
CONTRASTS = tuple(Contrast(f"{name}_ratio", quantity, "ratio") for name, quantity in EPSILON_LABELS.items())


def choices(setup, run, epsilon, *, subspace_dim=0):
    """The `Sharpness` by which a run of a set-up is measured.

    The trial seeds the subspace: SB and LB of a trial are perturbed along the same directions.
    """
    return Sharpness(epsilon=epsilon, subspace_dim=subspace_dim, statistics=run.statistics,
                     iterations=setup.preset.iterations, seed=run.trial,
                     starts=setup.preset.subspace_starts if subspace_dim else None)


def measurements(setup, runs, *, subspace_dim=0, epsilons=None):
    """Pairs of a run and a `Sharpness`: each of `runs` with each of `epsilons`, by default the preset's."""
    return tuple((run, choices(setup, run, epsilon, subspace_dim=subspace_dim))
                 for run in runs for epsilon in (setup.preset.epsilons if epsilons is None else epsilons))


def needs(setup, subspace_dim):
    """The runs of the set-up and their measurements in one space, where the preset has that space."""
    if subspace_dim not in setup.preset.subspace_dims:
        return Needs(runs=())
    runs = setup.runs()
    return Needs(runs=runs, measurements=measurements(setup, runs, subspace_dim=subspace_dim))


def rows(store, subspace_dim):
    """A `Row` for each comparison of the store and each way its minimizers were measured."""
    return [
        Row(comparison.network, comparison.dataset, label, {
            f"{name}_{regime}": values(minimizers, way, epsilon)
            for regime, minimizers in comparison.sides() for name, epsilon in EPSILONS.items()
        }, comparison.runs())
        for comparison, way, label in store.measured_comparisons(subspace_dim)
    ]


def values(measured, way, epsilon):
    """The sharpness of each of several minimizers or iterates that has been measured in this way.

    Args:
        measured: `report.store.Minimizer`s or `Iterate`s.
        way: The choices of the measurement without epsilon and seed, as `common_way` gives them.
        epsilon: Half-width of the box.
    """
    return tuple(measurement.content["sharpness"] for item in measured for measurement in item.measurements
                 if measurement.way == way and measurement.choices.epsilon == epsilon)


def common_way(measured, *, subspace_dim=0):
    """The way in which most of several minimizers or iterates were measured in a space, None if none was."""
    ways = collections.Counter(way for item in measured for way in sorted({
        measurement.way for measurement in item.measurements if measurement.choices.subspace_dim == subspace_dim}))
    return max(ways, key=ways.get, default=None)
