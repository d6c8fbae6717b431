"""The choices that the paper leaves open, on F1: initial kernels, stop, A, solver and batch of f, all combined.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=choices
"""

import dataclasses
import itertools

from replication import paper
from replication.configuration import Measure, Sharpness
from replication.configuration.measurements.sharpness import SOLVERS, SUBSPACE_DISTRIBUTIONS
from replication.configuration.run import KERNEL_INITIALIZERS
from replication.configuration.tasks import STOPS
from replication.experiments.base import Listing
from replication.store.grouping import REGIMES

_NETWORK = "F1"
# The epochs of the authors' script, one of the stops.
_SCRIPT_EPOCHS = 20


def needs(setup):
    """Returns the measurements of every combination, at all stops of one training for each initial kernels and regime.

    Every measurement takes f over a part of the examples, so that it enters no other table.
    """
    preset = setup.preset
    if _NETWORK not in setup.networks:
        return []
    if not preset.choices_trained:
        return [Measure((run,), tuple(_measurements(preset, run, subspaces=())))
                for run in setup.runs([_NETWORK], trials=1)]
    return [Measure((run,), tuple(_measurements(preset, run, subspaces=(100,))), STOPS)
            for kernels in KERNEL_INITIALIZERS for run in _runs(setup, kernels)]


def _runs(setup, kernels):
    """Returns the SB and the LB run with some initial kernels, which go on to the latest of their stops."""
    for regime in REGIMES:
        run = setup.run(_NETWORK, regime, 0)
        target = paper.table(2)[_NETWORK][f"train_{regime}"].mean
        yield dataclasses.replace(run, regime="grid", kernel_initializer=kernels, min_epochs=_SCRIPT_EPOCHS,
                                  target_accuracy=target)


def _measurements(preset, run, *, subspaces):
    spaces = [(0, SUBSPACE_DISTRIBUTIONS[0]), *itertools.product(subspaces, SUBSPACE_DISTRIBUTIONS)]
    for (dimension, distribution), solver, batch_size, epsilon in itertools.product(
            spaces, SOLVERS, preset.choices_batch_sizes, preset.epsilons):
        yield Sharpness(epsilon=epsilon, subspace_dim=dimension, subspace_distribution=distribution,
                        statistics=run.statistics, batch_size=batch_size, iterations=preset.iterations, starts=1,
                        seed=run.trial, examples=preset.choices_examples, solver=solver)


LISTING = Listing(
    name="choices", place="What the paper leaves open", title="Choices that the paper leaves open, on F1",
    caption="Placeholder.", networks=(_NETWORK,), needs=needs, listing=lambda store: (("choices",), []))
