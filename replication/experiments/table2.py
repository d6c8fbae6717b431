"""Table 2: training and test accuracy of the SB and LB minimizers of each network, in percent.

    python -m replication.reproduce --preset=paper --networks=F1 --trials=1 --experiments=table2

It takes 4 minutes a trial on two cores. F1, five trials (results/tables/table2.md): test accuracy SB 98.29, LB 98.12.
"""

from replication.configuration import Train
from replication.experiments.base import Column, Contrast, Row, Table
from replication.store.grouping import comparisons


def rows(store):
    """Returns a `Row` for each comparison of plain SB and LB, under the statistics of their configuration."""
    return [
        Row(comparison.network, comparison.dataset, comparison.label, {
            f"{split}_{regime}": {each.run.trial: 100 * each.metrics[f"{split}_accuracy"] for each in side}
            for regime, side in comparison.sides() for split in ("train", "test")
        }, comparison.runs(), choices=comparison.choices)
        for comparison in comparisons(store.runs)
    ]


TABLE = Table(
    name="table2", number=2, title="Training and test accuracy (%)",
    caption="The paper: both fit the training set, and LB’s test accuracy is lower, by 0.2 points (F1) to 5.3 (C4).",
    columns=(
        Column("train_SB", "training accuracy", "SB", "accuracy"),
        Column("train_LB", "training accuracy", "LB", "accuracy"),
        Column("test_SB", "test accuracy", "SB", "accuracy"),
        Column("test_LB", "test accuracy", "LB", "accuracy"),
    ),
    contrasts=(Contrast("test_gap", "test accuracy", "gap"),),
    needs=lambda setup: [Train(run) for run in setup.runs()], rows=rows)
