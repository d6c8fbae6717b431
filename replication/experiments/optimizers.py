"""The optimizers of section 2.2: LB with others than ADAM, beside ADAM's SB and LB.

    python -m replication.reproduce --preset=paper --networks=F2,C1 --experiments=optimizers

It has not been run yet on the paper's data.
"""

import dataclasses
import functools

from replication.configuration import OPTIMIZERS
from replication.experiments.base import Listing
from replication.experiments.remedies import listing, needs


def _variants(small, large):
    return [dataclasses.replace(large, optimizer=optimizer, learning_rate=rate)
            for optimizer, rate in OPTIMIZERS.items() if optimizer != large.optimizer]


def _name(run):
    usual = run.learning_rate == OPTIMIZERS[run.optimizer]
    return run.optimizer if usual else f"{run.optimizer}, learning rate {run.learning_rate:g}"


LISTING = Listing(
    name="optimizers", place="Section 2.2", title="Large batches with other optimizers",
    caption=(
        "Is it the batch or the optimizer? The paper reports that LB with ADAGRAD, SGD and adaQN behaves as with "
        "ADAM, without numbers: less accurate on the test set than SB, and sharp. adaQN is not part of this "
        "replication; SGD comes with and without momentum. Learning rates are Keras’s defaults unless one is named. "
        "Means over the trials."),
    needs=functools.partial(needs, variants=_variants, spaces=(0,)),
    listing=functools.partial(listing, title="optimizer", name=_name, without=("optimizer", "learning_rate"),
                              spaces=(0,)))
