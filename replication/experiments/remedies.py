"""The remedies of sections 4 and 5 and of appendix E: LB with each, beside plain SB and LB."""

from replication.catalog import NETWORKS
from replication.experiments import Needs, _listings, _remedies
from replication.experiments._sharpness import measurements
from replication.remedies import REMEDIES, DynamicSampling, SharpnessAware

PLACE = "Section 4, appendix E"
TITLE = "Remedies for large batches"
CAPTION = (
    "Which remedy brings LB to SB’s test accuracy, at which cost, and are its minimizers flat? The paper found "
    "augmentation and conservative training to help the accuracy and not the sharpness, adversarial and stability "
    "training to bring no gain, and left dynamic sampling open. Sharpness-aware minimization (sam) is later than the "
    "paper. Means over the trials; a gradient is that of one example."
)
_SPACES = (0, 100)


def needs(setup):
    """SB, LB and LB with each remedy, and their sharpness in the full space and in a subspace."""
    runs = []
    for network in setup.study_networks:
        for trial in _remedies.trials(setup):
            runs += [setup.run(network, regime, trial) for regime in ("SB", "LB")]
            runs += [_remedies.run(setup, network, "LB", trial, remedy) for remedy in _remedies_of(setup, network)]
    return Needs(runs=tuple(runs), measurements=tuple(
        measurement for dimension in _SPACES
        for measurement in measurements(setup, runs, subspace_dim=dimension, epsilons=setup.preset.remedy_epsilons)))


def listing(store):
    """A line for SB, LB and each remedy of LB that differs in nothing else."""
    return _listings.headings("remedy", _SPACES), _listings.beside_plain(
        store, lambda run: run.remedy.label if run.remedy else "none", without=("remedy", "jit_compile"),
        spaces=_SPACES)


def _remedies_of(setup, network):
    """Each remedy with its defaults, dynamic sampling from SB's batch on, and adaptive `sam`."""
    first_batch_size = min(setup.run(network, regime, 0).batch_size for regime in ("SB", "LB"))
    found = [kind() for kind in REMEDIES.values() if kind is not DynamicSampling]
    found += [SharpnessAware(adaptive=True), DynamicSampling(first_batch_size=first_batch_size)]
    images = len(NETWORKS[network].input_shape) == 3
    return [remedy for remedy in found if images or not remedy.NEEDS_IMAGES]
