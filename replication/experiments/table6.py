"""Table 6 (appendix E.1): SB and LB trained with augmented data.

    python -m replication.reproduce --preset=paper --networks=C1,C2,C3,C4 --experiments=table6

It has not been run yet on the paper's data.
"""

import dataclasses

from replication.catalog import NETWORKS
from replication.configuration import Train
from replication.experiments.base import EPSILON_LABELS, Column, Contrast, Row, Table, test_accuracy
from replication.experiments.table3 import by_trial, measure
from replication.remedies import Augmentation
from replication.store.grouping import EPSILONS, Selection, comparisons
from replication.store.protocols import measured

_NETWORKS = tuple(name for name, network in NETWORKS.items() if Augmentation.admits(network))


def remedied(run, remedy):
    """Returns a run with a remedy, and without XLA if that cannot compile the remedy's step."""
    return dataclasses.replace(run, remedy=remedy, jit_compile=run.jit_compile and remedy.compiles)


def sharpness_columns(training):
    """Returns the columns of tables 6 and 7 that only LB has; `training` is the first word of their names."""
    return tuple(Column(f"{training}_LB_{name}", f"sharpness, {label}", "LB", "sharpness", training)
                 for name, label in EPSILON_LABELS.items())


def rows(store, columns, selection):
    """Returns a `Row` for each comparison of a selection and each protocol by which LB was measured in the full space.

    Args:
        store: A `store.Store`.
        columns: The table's `Column`s: the test accuracy of SB and of LB, then `sharpness_columns`.
        selection: A `grouping.Selection`.
    """
    small, large, *sharpness = (column.name for column in columns)
    return [
        Row(comparison.network, comparison.dataset, label, {
            # Once, and not again beside measurements that were made in another way.
            **{name: {each.run.trial: test_accuracy(each) for each in side if is_usual}
               for name, side in ((small, comparison.small), (large, comparison.large))},
            **{name: by_trial(comparison.large, protocol, epsilon)
               for name, epsilon in zip(sharpness, EPSILONS.values())},
        }, comparison.runs(), is_usual, comparison.choices)
        for comparison, protocol, label, is_usual in measured(comparisons(store.runs, selection), 0, ("LB",))
    ]


def needs(setup):
    """Returns the training of augmented SB and LB of each convolutional network, and LB's sharpness."""
    runs = [remedied(run, Augmentation()) for run in setup.runs(
        [network for network in setup.networks if network in _NETWORKS], trials=setup.remedy_trials)]
    return [*map(Train, runs), *measure(setup, [run for run in runs if run.regime == "LB"])]


_COLUMNS = (
    Column("test_augmented_SB", "test accuracy", "SB", "accuracy", "augmented"),
    Column("test_augmented_LB", "test accuracy", "LB", "accuracy", "augmented"),
    *sharpness_columns("augmented"),
)
TABLE = Table(
    name="table6", number=6, title="Aggressive data augmentation",
    caption=(
        "SB and LB are both trained on augmented images; sharpness is measured on the clean ones. The paper found "
        "that augmentation narrows the gap in test accuracy, and turns it for C2 and C4, while LB’s minimizers stay "
        "far sharper than SB’s of table 3."),
    columns=_COLUMNS, contrasts=(Contrast("augmented_gap", "test accuracy", "gap"),),
    networks=_NETWORKS,
    needs=needs, rows=lambda store: rows(store, _COLUMNS, Selection("augmentation", "augmentation")))
