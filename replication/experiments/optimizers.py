"""The optimizers of section 2.2: LB with others than ADAM, beside ADAM's SB and LB."""

import dataclasses

from replication.configuration import OPTIMIZERS
from replication.experiments import Needs, _listings, _remedies
from replication.experiments._sharpness import measurements

PLACE = "Section 2.2"
TITLE = "Large batches with other optimizers"
CAPTION = (
    "Is it the batch or the optimizer? The paper reports that LB with ADAGRAD, SGD and adaQN behaves as with "
    "ADAM, without numbers: less accurate on the test set than SB, and sharp. adaQN is not part of this replication; "
    "SGD comes with and without momentum. Learning rates are Keras’s defaults where none is named. Means over the "
    "trials."
)
_WITHOUT = ("optimizer", "learning_rate")
_SPACES = (0,)


def needs(setup):
    """SB, LB and LB with each optimizer, and their sharpness in the full space."""
    runs = []
    for network in setup.study_networks:
        for trial in _remedies.trials(setup):
            large = setup.run(network, "LB", trial)
            runs += [setup.run(network, "SB", trial)]
            runs += [dataclasses.replace(large, optimizer=optimizer, learning_rate=rate)
                     for optimizer, rate in OPTIMIZERS.items()]
    return Needs(runs=tuple(runs), measurements=measurements(
        setup, runs, epsilons=setup.preset.remedy_epsilons))


def listing(store):
    """A line for SB, LB and each optimizer of LB that differs in nothing else."""
    return _listings.headings("optimizer", _SPACES), _listings.beside_plain(
        store, _name, without=_WITHOUT, spaces=_SPACES)


def _name(run):
    usual = run.learning_rate == OPTIMIZERS[run.optimizer]
    return run.optimizer if usual else f"{run.optimizer}, learning rate {run.learning_rate:g}"
