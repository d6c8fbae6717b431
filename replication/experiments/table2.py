"""Table 2: training and test accuracy of the SB and LB minimizers of each network, in percent."""

from replication.experiments import Column, Contrast, Needs, Row

NUMBER = 2
TITLE = "Training and test accuracy (%)"
CAPTION = "The paper: both fit the training set, and LB’s test accuracy is lower, by 0.2 points (F1) to 5.3 (C4)."
COLUMNS = (
    Column("train_SB", "training accuracy", "SB", "accuracy"),
    Column("train_LB", "training accuracy", "LB", "accuracy"),
    Column("test_SB", "test accuracy", "SB", "accuracy"),
    Column("test_LB", "test accuracy", "LB", "accuracy"),
)
CONTRASTS = (Contrast("test_gap", "test accuracy", "gap"),)


def needs(setup):
    """All runs of the set-up."""
    return Needs(runs=setup.runs())


def rows(store):
    """A `Row` for each comparison of the store, under the statistics of the runs' configuration."""
    return [
        Row(comparison.network, comparison.dataset, comparison.label, {
            f"{split}_{regime}": tuple(100 * run.figures[f"{split}_accuracy"] for run in minimizers)
            for regime, minimizers in comparison.sides() for split in ("train", "test")
        }, comparison.runs())
        for comparison in store.comparisons()
    ]
