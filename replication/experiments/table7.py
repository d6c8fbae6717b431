"""Table 7 (appendix E.2): LB with conservative training beside plain SB.

    python -m replication.reproduce --preset=paper --experiments=table7

F1, one trial of LB (results/tables/table7.md): 98.33 % on the test set, with a sharpness of 429 and 57 at ε = 1e-3 and
5e-4. It took half an hour on two cores while other jobs ran.
"""

from replication.configuration import Train
from replication.experiments.base import Column, Contrast, Table
from replication.experiments.table3 import measure
from replication.experiments.table6 import remedied, rows, sharpness_columns
from replication.remedies import Conservative
from replication.store.grouping import Selection


def needs(setup):
    """Returns the training of plain SB and conservative LB, and the latter's sharpness in the full space."""
    chosen = {*setup.preset.table7_networks, *setup.study_networks}
    pairs = setup.pairs([network for network in setup.networks if network in chosen], trials=setup.remedy_trials)
    tasks = []
    for small, large in pairs:
        tasks += [Train(small), *measure(setup, [remedied(large, Conservative())])]
    return tasks


_COLUMNS = (
    Column("test_baseline_SB", "test accuracy", "SB", "accuracy", "baseline"),
    Column("test_conservative_LB", "test accuracy", "LB", "accuracy", "conservative"),
    *sharpness_columns("conservative"),
)
TABLE = Table(
    name="table7", number=7, title="Conservative training",
    caption=(
        "For each batch, LB solves a proximal problem with three steps of ADAM; SB is the plain run of table 2. The "
        "paper found conservative LB more accurate on the test set than plain LB for five of six networks, at "
        "minimizers that are still sharp."),
    columns=_COLUMNS, contrasts=(Contrast("conservative_gap", "test accuracy", "gap"),),
    needs=needs, rows=lambda store: rows(store, _COLUMNS, Selection(large="conservative")))
