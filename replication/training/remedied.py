"""The model that trains as a run asks for: plain, or with a remedy of section 4 or appendix E."""

import keras

from replication import remedies
from replication.devices import OneDevice
from replication.errors import UserError
from replication.training.adversarial import AdversarialModel
from replication.training.augmentation import AugmentedModel
from replication.training.conservative import ConservativeModel
from replication.training.mirrored import MirroredModel
from replication.training.model import TrainingModel
from replication.training.sharpness_aware import SharpnessAwareModel
from replication.training.stability import StabilityModel

# By the kind of its options, the model that trains with a remedy.
MODELS = {
    remedies.Augmentation: AugmentedModel,
    remedies.Conservative: ConservativeModel,
    remedies.Adversarial: AdversarialModel,
    remedies.Stability: StabilityModel,
    remedies.SharpnessAware: SharpnessAwareModel,
}

_OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "sgd": keras.optimizers.SGD,
    "momentum": lambda learning_rate: keras.optimizers.SGD(learning_rate, momentum=0.9),
    "adagrad": keras.optimizers.Adagrad,
}


def compiled(network, run, examples):
    """The model that trains and evaluates a network as a run asks for.

    Args:
        network: As `weights.build_network` makes it.
        run: A `configuration.Run`.
        examples: `Examples`.

    Raises:
        UserError: the network has losses of its own, and the run a remedy or several devices.
    """
    # Dynamic sampling is plain training on batches of other sizes.
    plain = TrainingModel if run.distribution is None else MirroredModel
    kind = MODELS.get(type(run.remedy), plain)
    if kind is not TrainingModel and _has_losses(network):
        raise UserError(f"network={run.network!r}: has losses of its own (a regularizer), which a remedy or "
                        "strategy=mirrored leaves out of some of its passes; train it without, or without them")
    model = kind(network, examples, run.remedy, seed=run.trial)
    with OneDevice().scope() if run.distribution is None else examples.devices.scope():
        optimizer = _OPTIMIZERS[run.optimizer](learning_rate=run.learning_rate)
    if run.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"],
                  jit_compile=run.jit_compile)
    return model


def _has_losses(network):
    return bool(network.losses) or any(getattr(layer, "activity_regularizer", None) for layer in network.layers)
