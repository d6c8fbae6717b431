"""Table 3: sharpness of the SB and LB minimizers in the full space, A = I."""

from replication.experiments import _sharpness

NUMBER = 3
TITLE = "Sharpness (Metric 2.1) in the full space"
CAPTION = (
    "The paper: LB’s minimizers are 9 to 220 times as sharp as SB’s."
)
COLUMNS = _sharpness.COLUMNS
CONTRASTS = _sharpness.CONTRASTS
SUBSPACE_DIM = 0


def needs(setup):
    """All runs of the set-up and their measurements."""
    return _sharpness.needs(setup, SUBSPACE_DIM)


def rows(store):
    """A `Row` for each comparison of the store and each way its minimizers were measured."""
    return _sharpness.rows(store, SUBSPACE_DIM)
