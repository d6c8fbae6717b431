"""Table 4: sharpness of the SB and LB minimizers in a random subspace of 100 dimensions."""

from replication.experiments import _sharpness

NUMBER = 4
TITLE = "Sharpness (Metric 2.1) in a random subspace of 100 dimensions"
CAPTION = (
    "The paper: in a random subspace, too, LB’s minimizers are sharper than SB’s, by a factor of 10 to 180."
)
COLUMNS = _sharpness.COLUMNS
CONTRASTS = _sharpness.CONTRASTS
SUBSPACE_DIM = 100


def needs(setup):
    """All runs of the set-up and their measurements."""
    return _sharpness.needs(setup, SUBSPACE_DIM)


def rows(store):
    """A `Row` for each comparison of the store and each way its minimizers were measured."""
    return _sharpness.rows(store, SUBSPACE_DIM)
