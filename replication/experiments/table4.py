"""Table 4: sharpness of the SB and LB minimizers in a random subspace of 100 dimensions.

    python -m replication.reproduce --preset=paper --networks=F1 --trials=1 --experiments=table4

It takes 4 minutes of training and 8 of measuring a trial on two cores. F1, five trials (results/tables/table4.md): SB
0.18 and 0.075, LB 1.28 and 0.051 at ε = 1e-3 and 5e-4: LB is not sharper than SB at 5e-4.
"""

import dataclasses
import functools

import replication.experiments.table3 as table3

TABLE = dataclasses.replace(
    table3.TABLE, name="table4", number=4, title="Sharpness (Metric 2.1) in a random subspace of 100 dimensions",
    caption="Metric 2.1 in percent, over a box in a random subspace of 100 dimensions. The paper: there, too, LB’s "
            "minimizers are sharper than SB’s, by a factor of 10 to 126, apart from F1’s at ε = 5e-4, which cannot be "
            "as printed.",
    needs=functools.partial(table3.needs, subspace_dim=100), rows=functools.partial(table3.rows, subspace_dim=100))
