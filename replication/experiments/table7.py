"""Table 7 (appendix E.2): LB with conservative training beside plain SB."""

from replication import remedies
from replication.experiments import Column, Contrast, Needs, Selection, _remedies
from replication.experiments._sharpness import measurements

NUMBER = 7
TITLE = "Conservative training"
CAPTION = (
    "LB solves, for each batch, a proximal problem by three steps of ADAM; SB is the plain one of table 2. The "
    "paper found it more accurate on the test set than plain LB for five of six networks, at minimizers that "
    "stay sharp."
)
COLUMNS = (
    Column("test_baseline_SB", "test accuracy", "SB", "accuracy", "baseline"),
    Column("test_conservative_LB", "test accuracy", "LB", "accuracy", "conservative"),
    *_remedies.sharpness_columns("conservative"),
)
CONTRASTS = (Contrast("conservative_gap", "test accuracy", "gap"),)


def needs(setup):
    """Plain SB, conservative LB, and the latter's sharpness in the full space."""
    chosen = {*setup.preset.table7_networks, *setup.study_networks}
    pairs = [
        (setup.run(network, "SB", trial), _remedies.run(setup, network, "LB", trial, remedies.Conservative()))
        for network in setup.networks if network in chosen for trial in _remedies.trials(setup)
    ]
    return Needs(runs=tuple(run for pair in pairs for run in pair),
                 measurements=measurements(setup, [large for _, large in pairs]))


def rows(store):
    """A `Row` for each comparison of plain SB and conservative LB and each way the latter was measured."""
    return _remedies.rows(store, COLUMNS, Selection(large="conservative"))
