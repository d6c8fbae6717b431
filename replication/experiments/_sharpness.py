"""What tables 3 and 4 share: they differ in the space of the perturbation only."""

from replication.configuration import Sharpness
from replication.experiments import Column, Contrast, Needs, Row

EPSILONS = {"eps1e-3": 1e-3, "eps5e-4": 5e-4}
_QUANTITIES = {"eps1e-3": "ε = 1e-3", "eps5e-4": "ε = 5e-4"}

COLUMNS = tuple(
    Column(f"{name}_{regime}", quantity, regime, "sharpness")
    for name, quantity in _QUANTITIES.items() for regime in ("SB", "LB")
)
CONTRASTS = tuple(Contrast(f"{name}_ratio", quantity, "ratio") for name, quantity in _QUANTITIES.items())


def needs(setup, subspace_dim):
    """The runs of the set-up and their measurements in one space, where the preset has that space.

    The trial seeds the subspace: SB and LB of a trial are perturbed along the same directions.
    """
    if subspace_dim not in setup.preset.subspace_dims:
        return Needs(runs=())
    runs = setup.runs()
    starts = setup.preset.subspace_starts if subspace_dim else None
    return Needs(runs=runs, measurements=tuple(
        (run, Sharpness(epsilon=epsilon, subspace_dim=subspace_dim, statistics=run.statistics,
                        iterations=setup.preset.iterations, starts=starts, seed=run.trial))
        for run in runs for epsilon in setup.preset.epsilons
    ))


def rows(store, subspace_dim):
    """A `Row` for each comparison of the store and each way its minimizers were measured."""
    return [
        Row(comparison.network, comparison.dataset, label, {
            f"{name}_{regime}": tuple(
                measurement.content["sharpness"]
                for minimizer in minimizers for measurement in minimizer.measurements
                if measurement.way == way and measurement.choices.epsilon == epsilon)
            for regime, minimizers in comparison.sides() for name, epsilon in EPSILONS.items()
        })
        for comparison, way, label in store.measured_comparisons(subspace_dim)
    ]
