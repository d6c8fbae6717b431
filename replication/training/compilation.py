"""How a run's model is compiled: its optimizer, XLA, and bit-identical repeats."""

import importlib.resources

import keras
import tensorflow as tf

from replication import files
from replication.devices import OneDevice
from replication.errors import UserError
from replication.losses import loss_of
from replication.remedies import Remedy
from replication.training.model import MirroredModel, TrainingModel

_OPTIMIZERS = {
    "adam": lambda run, rate: keras.optimizers.Adam(rate, epsilon=run.adam_epsilon),
    "sgd": lambda run, rate: keras.optimizers.SGD(rate),
    "momentum": lambda run, rate: keras.optimizers.SGD(rate, momentum=0.9),
    # Keras 1 adds 1e-8 to the root of the accumulator, Keras 3 its epsilon under the root: to within a factor of √2.
    "adagrad": lambda run, rate: keras.optimizers.Adagrad(rate, initial_accumulator_value=0.0, epsilon=1e-16),
}


def build_training_model(network, run, examples):
    """The compiled model that trains and evaluates the network of a run.

    Args:
        network: A `keras.Model`, as `weights.build_network` returns it.
        run: A `configuration.Run`.
        examples: `Examples`.

    Raises:
        UserError: the network has losses of its own, and the run a remedy with a training step of its own or several
            devices; or the run asks for XLA where Keras leaves it off.
    """
    if run.distribution is None:
        model = TrainingModel(network, examples, run.remedy, seed=run.trial)
    else:
        model = MirroredModel(network, examples, run.remedy, seed=run.trial, loss=loss_of(run))
    own_step = run.distribution is not None or type(model.remedy).learn is not Remedy.learn
    if own_step and _has_losses(network):
        raise UserError(f"network={run.network!r}: has losses of its own (a regularizer), which a remedy or "
                        "strategy=mirrored leaves out of some of its passes; train without the remedy or strategy, or "
                        "remove the regularizer")
    with OneDevice().scope() if run.distribution is None else examples.devices.scope():
        optimizer = _OPTIMIZERS[run.optimizer](run, model.remedy.learning_rate(run, examples))
        # An object, whose variables exist already: Keras would make those of "accuracy" during the first step, and
        # TensorFlow then traces the step twice.
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    if run.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, loss=loss_of(run) or "sparse_categorical_crossentropy", metrics=[accuracy],
                  jit_compile=run.jit_compile)
    if model.jit_compile != run.jit_compile:
        raise UserError("jit_compile=True: Keras leaves XLA off, as it does after a deterministic run in the same "
                        "process, on the GPU of a Mac, and for layers that XLA cannot compile; train in a new process, "
                        "or with jit_compile=False")
    return model


def _has_losses(network):
    return bool(network.losses) or any(getattr(layer, "activity_regularizer", None) for layer in network.layers)


def jit_compile(mode, network):
    """Whether XLA compiles the training step.

    Args:
        mode: "on", "off", or "auto" for the result of `benchmarks/training.py` for this network on this kind of device.
            The results are in the table jit_compile.json; without an entry XLA is off.
        network: A name of table 1.
    """
    if mode != "auto":
        return mode == "on"
    table = files.read_json(importlib.resources.files("replication.training") / "jit_compile.json")
    device = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    return table.get(device, {}).get(network, False)


def make_deterministic():
    """Makes the runs of this process repeat to the bit, by TensorFlow's op determinism and a single intra-op thread.

    Op determinism alone is not enough for a convolutional network: on two threads its `fit` does not repeat.

    Raises:
        UserError: TensorFlow has already computed something with more threads in this process.
    """
    if tf.config.threading.get_intra_op_parallelism_threads() != 1:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(1)
        except RuntimeError:
            raise UserError("deterministic: TensorFlow has started with more than one thread already; "
                            "make such a run the first of its process") from None
    tf.config.experimental.enable_op_determinism()
