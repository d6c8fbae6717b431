"""Table 6 (appendix E.1): SB and LB trained with augmented data."""

from replication import catalog, remedies
from replication.experiments import Column, Contrast, Needs, Selection, _remedies
from replication.experiments._sharpness import measurements

NUMBER = 6
TITLE = "Aggressive data augmentation"
CAPTION = (
    "SB and LB are both trained on augmented images; sharpness is measured on the clean ones. The paper found "
    "that augmentation narrows the gap in test accuracy, and turns it for C2 and C4, while LB’s minimizers stay "
    "far sharper than SB’s of table 3."
)
COLUMNS = (
    Column("test_augmented_SB", "test accuracy", "SB", "accuracy", "augmented"),
    Column("test_augmented_LB", "test accuracy", "LB", "accuracy", "augmented"),
    *_remedies.sharpness_columns("augmented"),
)
CONTRASTS = (Contrast("augmented_gap", "test accuracy", "gap"),)
NETWORKS = tuple(network.name for network in catalog.NETWORKS.values() if len(network.input_shape) == 3)


def needs(setup):
    """Augmented SB and LB of each convolutional network, and LB's sharpness in the full space."""
    runs = tuple(
        _remedies.run(setup, network, regime, trial, remedies.Augmentation())
        for network in setup.networks if network in NETWORKS
        for trial in _remedies.trials(setup) for regime in ("SB", "LB"))
    return Needs(runs=runs, measurements=measurements(setup, [run for run in runs if run.regime == "LB"]))


def rows(store):
    """A `Row` for each comparison of augmented SB and LB and each way LB was measured."""
    return _remedies.rows(store, COLUMNS, Selection("augmentation", "augmentation"))
