"""What tables 6 and 7 and the listing of remedies share: remedied runs, and the rows of the two tables."""

import dataclasses

from replication.experiments import EPSILON_LABELS, EPSILONS, Column, Row
from replication.experiments._sharpness import values


def run(setup, network, regime, trial, remedy):
    """The run of a set-up with a remedy; without XLA where that cannot compile the remedy's step."""
    plain = setup.run(network, regime, trial)
    return dataclasses.replace(plain, remedy=remedy, jit_compile=plain.jit_compile and remedy.COMPILES)


def trials(setup):
    """The trials of remedied runs: as many as the preset has for them, at most the set-up's."""
    return range(min(setup.trials, setup.preset.remedy_trials))


def sharpness_columns(training):
    """The columns of tables 6 and 7 that only LB has.

    Args:
        training: How that LB was trained, as the paper's columns begin.
    """
    return tuple(Column(f"{training}_LB_{name}", f"sharpness, {label}", "LB", "sharpness", training)
                 for name, label in EPSILON_LABELS.items())


def rows(store, columns, selection):
    """A `Row` for each comparison of a selection: test accuracies, and LB's sharpness in the full space.

    Args:
        store: A `report.store.Store`.
        columns: The table's `Column`s: SB's and LB's test accuracy, then `sharpness_columns`.
        selection: An `experiments.Selection`.
    """
    small, large, *sharpness = (column.name for column in columns)
    return [
        Row(comparison.network, comparison.dataset, label, {
            small: tuple(100 * minimizer.figures["test_accuracy"] for minimizer in comparison.small),
            large: tuple(100 * minimizer.figures["test_accuracy"] for minimizer in comparison.large),
            **{name: values(comparison.large, way, epsilon)
               for name, epsilon in zip(sharpness, EPSILONS.values())},
        }, comparison.runs())
        for comparison, way, label in store.measured_comparisons(0, selection, ("LB",))
    ]
