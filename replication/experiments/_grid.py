"""The runs of figures 4 and 5: SB's and LB's set-up with other batch sizes, or with another number of epochs."""

import dataclasses

from replication.catalog import regime_batch_size


def run(setup, network, batch_size, *, epochs):
    """The run of trial 0 with a batch size; SB or LB of the tables itself where it differs in nothing.

    Args:
        setup: An `experiments.Setup`.
        network: Name of a network.
        batch_size: A number of examples.
        epochs: As in `configuration.Run`.
    """
    for regime in ("SB", "LB"):
        main = setup.run(network, regime, 0)
        if (main.batch_size, main.epochs) == (batch_size, epochs):
            return main
    return dataclasses.replace(main, regime="grid", batch_size=batch_size, epochs=epochs)


def batch_sizes(setup, network):
    """Figure 4's batch sizes for a network, in increasing order.

    Of the preset's sizes those up to LB's; of those asked for (`Setup.batch_sizes`) all.
    """
    description = setup.description(network)
    asked = setup.batch_sizes
    sizes = {regime_batch_size(size, description) for size in asked or setup.preset.grid_batch_sizes}
    return sorted(size for size in sizes if asked or size <= setup.run(network, "LB", 0).batch_size)
