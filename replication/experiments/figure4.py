r"""Figure 4: test accuracy and sharpness against the batch size.

    python -m replication.reproduce --preset=paper --networks=F2,C1 --experiments=figure4
    python -m replication.reproduce --preset=paper --networks=F1 --experiments=figure4 \
      --batch_sizes=256,512,1024,1536,2048,4096,0.1

F1, trial 0, seven batch sizes (results/figures/figure4-F1.pdf): test accuracies of 98.51 to 98.71 % and sharpness of at
most 20.4 % up to batches of 1,536; 98.15 to 98.41 % and 289 to 505 % from 2,048 on. The trainings took 1.4 hours of one
processor while other jobs ran.
"""

import dataclasses

from replication.catalog import regime_batch_size
from replication.experiments.base import Figure, test_accuracy
from replication.experiments.drawing import Panel, Series, plots
from replication.experiments.table3 import by_sharpness, common_protocol, measure
from replication.store.grouping import REGIMES, grids


def grid_run(setup, network, batch_size, *, epochs):
    """Returns the run of trial 0 with a batch size: SB or LB of the tables itself if it differs in nothing.

    Args:
        setup: A `Setup`.
        network: Name of a network.
        batch_size: A number of examples.
        epochs: Number of epochs; None for the stopping rule.
    """
    for regime in REGIMES:
        main = setup.run(network, regime, 0)
        if (main.batch_size, main.epochs) == (batch_size, epochs):
            return main
    return dataclasses.replace(main, regime="grid", batch_size=batch_size, epochs=epochs,
                               recompute=setup.recomputes(network, batch_size))


def _batch_sizes(setup, network):
    """Returns all batch sizes that the `Setup` gives, or those of the preset up to LB's, in increasing order."""
    asked, dataset = setup.batch_sizes, setup.resolved_dataset(network)
    sizes = {regime_batch_size(size, dataset) for size in asked or setup.preset.grid_batch_sizes}
    return sorted(size for size in sizes if asked or size <= setup.run(network, "LB", 0).batch_size)


def needs(setup):
    """Returns the sharpness in the full space of a run for each batch size, trial 0."""
    return measure(setup, [grid_run(setup, network, size, epochs=setup.preset.grid_epochs)
                           for network in setup.study_networks for size in _batch_sizes(setup, network)],
                   epsilons=setup.preset.study_epsilons)


def axes(store):
    """Returns a `Plot` for each group of runs that differ in the batch size alone, two of which were measured."""
    return plots("figure4", [(group.label, group.members, (_panel(group.members),))
                             for group in grids(store.runs)
                             if _number_measured(group.members) > 1])


def _number_measured(members):
    protocol = common_protocol(members)
    return sum(protocol in each.protocols(0) for each in members)


def _panel(members):
    sizes = tuple(each.run.batch_size for each in members)
    accuracy = Series("test accuracy", sizes, tuple(map(test_accuracy, members)), "left", marker="o")
    sharpness = by_sharpness(members, sizes, common_protocol(members), role="right", side="right")
    return Panel(x_label="batch size", left_label="test accuracy (%)", right_label="sharpness (%)", log_x=True,
                 log_left=False, log_right=True, series=(accuracy, *sharpness),
                 marks=tuple((each.run.batch_size, each.run.regime) for each in members if each.run.regime != "grid"))


FIGURE = Figure(
    name="figure4", title="Test accuracy and sharpness against the batch size",
    caption=(
        "Look for a batch size above which the test accuracy drops. The paper (100 epochs for every batch size) saw "
        "such a threshold near 15,000 for F2 and near 500 for C1. Around it the sharpness, which rises before, rises "
        "much less."),
    needs=needs, axes=axes)
