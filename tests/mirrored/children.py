"""What a test of several devices does in a process of its own: a process has one MirroredStrategy at most.

Each function returns a dictionary.
"""

import contextlib
import dataclasses
import tempfile
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

import models
from models.normalization import normalization_statistics
from replication import configuration, data, records
from replication.catalog import DATASETS
from replication.devices import devices
from replication.errors import UserError
from replication.losses import loss_of
from replication.sharpness import Objective
from replication.training import state, train
from replication.training.batches import Examples, evaluation_batches
from replication.training.model import MirroredModel, TrainingModel, synchronize
from replication.weights import flatten_weights, load_minimizer
from tests import networks


def agreement():
    """The functions that can share a process, all in float64, by name: two devices beside one."""
    return {"objective": objective(), "moving": moving(), "synchronized": training(True), "apart": training(False),
            "halves": halves()}


def network():
    """A small convolutional network in float64: in float32 a rounding now and then flips a ReLU and its gradient."""
    keras.config.set_floatx("float64")
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential([
        keras.Input((8, 8, 1)), layers.Conv2D(8, 3), models.BatchNormalization(), layers.ReLU(),
        layers.MaxPooling2D(), layers.Flatten(), layers.Dense(16), models.BatchNormalization(), layers.ReLU(),
        layers.Dense(10, activation="softmax")])


def digits(examples):
    whole = data.load("digits")
    inputs, labels = whole.train_inputs[:examples], whole.train_labels[:examples]
    resolved = dataclasses.replace(DATASETS["digits"], training_size=examples, test_size=examples)
    return data.Data.from_arrays("digits", (inputs, labels) * 2, resolved=resolved)


def objective():
    """f and its gradient, on one device and on two, over batches of odd sizes."""
    both, model, part = devices(2), network(), digits(201)
    one, two = (Objective(model, part.train_inputs, part.train_labels, batch_size=70, devices=chosen)
                for chosen in (None, both))
    (loss, gradient), (loss2, gradient2) = (f.value_and_gradient(f.x) for f in (one, two))
    return {"loss": abs(loss - loss2), "gradient": relative(gradient2, gradient),
            "accuracy": one.value_and_accuracy(one.x)[1] - two.value_and_accuracy(two.x)[1],
            "synchronized": [layer.synchronized for layer in model.layers if hasattr(layer, "synchronized")]}


def other_losses():
    """A run with another loss than the cross-entropy, and losses that parts of a batch do not make up."""
    both, model, part = devices(2), network(), digits(200)
    with tempfile.TemporaryDirectory() as folder:
        keras.config.set_floatx("float32")
        record = train(configuration.Run(
            network=networks.ONE_LAYER, regime="grid", trial=0, dataset="digits", batch_size=719, epochs=1,
            training_loss="mean_squared_error", distribution=configuration.Distribution(2)),
            records.Workdir.create(folder), verbose=0)
        trained, dataset = load_minimizer(record), data.load("digits")
        f = Objective(trained, dataset.train_inputs, dataset.train_labels, loss=loss_of(record.configuration))
        found = {"relative": f.value(f.x) / record.result["batch"]["train_loss"] - 1}
    model.compile("sgd", "sparse_categorical_crossentropy")
    for loss in ("compiled", keras.losses.SparseCategoricalCrossentropy(reduction="sum"),
                 lambda labels, outputs: tf.reduce_mean(outputs)):
        try:
            f = Objective(model, part.train_inputs, part.train_labels, batch_size=70, devices=both, loss=loss)
            f.value(f.x)
            found[str(loss)] = "no error"
        except UserError as error:
            found[str(loss)] = str(error)
    return found


def far_from_zero():
    """f and its gradient in float32, of inputs whose mean is a thousand times their deviation."""
    both = devices(2)
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    inputs = (1000 + generator.normal(size=(400, 5))).astype(np.float32)
    labels = generator.integers(3, size=400)
    found = {}
    for kind in (models.BatchNormalization, keras.layers.BatchNormalization):
        model = keras.Sequential([keras.Input((5,)), kind(), keras.layers.Dense(3, activation="softmax")])
        (loss, gradient), (loss2, gradient2) = (
            f.value_and_gradient(f.x) for f in (Objective(model, inputs, labels, devices=chosen)
                                                for chosen in (None, both)))
        found[kind.__module__.split(".")[0]] = [abs(loss - loss2), relative(gradient2, gradient)]
    return found


def moving():
    """The same by moving averages, where devices have nothing to agree on."""
    both, model, part = devices(2), network(), digits(50)
    one, two = (Objective(model, part.train_inputs, part.train_labels, statistics="moving", devices=chosen)
                for chosen in (None, both))
    return {"loss": abs(one.value(one.x) - two.value(two.x))}


def training(synchronized):
    """An epoch of two steps, the second on an odd batch, on one device and on two, and an evaluation after it."""
    both, part = devices(2), digits(31)
    plain = TrainingModel(network(), Examples(part))
    plain.compile(keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy", metrics=["accuracy"],
                  jit_compile=False)
    with both.scope():
        mirrored_network, optimizer = network(), keras.optimizers.SGD(0.1)
    if synchronized:
        synchronize(mirrored_network)
    mirrored = MirroredModel(mirrored_network, Examples(part, both))
    mirrored.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    batches = tf.data.Dataset.from_tensor_slices({"indices": tf.range(31, dtype=tf.int64)}).batch(20)
    histories = [model.fit(batches, shuffle=False, verbose=0).history for model in (plain, mirrored)]
    whole = evaluation_batches("train", *data.partition(31, 20, 0))
    ends = [model.evaluate(whole, verbose=0, return_dict=True) for model in (plain, mirrored)]
    return {"weights": relative(flatten_weights(mirrored_network), flatten_weights(plain)),
            "averages": relative(averages(mirrored_network), averages(plain)),
            "history": [{name: values[0] for name, values in history.items()} for history in histories],
            "evaluation": ends}


def halves():
    """A step on two devices that are not synchronized, and the same by hand: each half by its own statistics."""
    part = digits(20)
    both, by_hand = devices(2), network()
    with both.scope():
        mirrored_network, optimizer = network(), keras.optimizers.SGD(0.1)
    mirrored = MirroredModel(mirrored_network, Examples(part, both))
    mirrored.compile(optimizer, loss="sparse_categorical_crossentropy", jit_compile=False)
    batches = tf.data.Dataset.from_tensor_slices({"indices": tf.range(20, dtype=tf.int64)}).batch(20)
    loss = mirrored.fit(batches, shuffle=False, verbose=0).history["loss"][0]
    with tf.GradientTape() as tape, normalization_statistics(by_hand, "batch"):
        means = [tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(
            part.train_labels[rows], by_hand(part.train_inputs[rows]))) for rows in (slice(0, 10), slice(10, 20))]
        mean = tf.add_n(means) / 2
    keras.optimizers.SGD(0.1).apply(tape.gradient(mean, by_hand.trainable_variables), by_hand.trainable_variables)
    return {"loss": abs(loss - float(mean)),
            "weights": relative(flatten_weights(mirrored_network), flatten_weights(by_hand))}


def resumed(folder):
    """A run of two epochs that ends after the first, is taken up again, and is compared with one that did not."""
    run = configuration.Run(network=networks.ONE_LAYER, regime="grid", trial=0, dataset="digits", batch_size=719,
                            epochs=2, distribution=configuration.Distribution(2), deterministic=True)
    whole, parts = records.Workdir.create(f"{folder}/whole"), records.Workdir.create(f"{folder}/parts")
    interrupted = mock.patch.object(state.SaveState, "on_epoch_end", interrupting(state.SaveState.on_epoch_end))
    with interrupted, contextlib.suppress(KeyboardInterrupt):
        train(run, parts, verbose=0)
    ends = [flatten_weights(load_minimizer(train(run, workdir, verbose=0))) for workdir in (parts, whole)]
    return {"epochs": parts.run(run).result["epochs"], "weights": relative(*ends)}


def interrupting(save):
    def save_and_interrupt(*arguments, **options):
        save(*arguments, **options)
        raise KeyboardInterrupt

    return save_and_interrupt


def another_number():
    """Devices of a second number in one process."""
    devices(2)
    try:
        devices(3)
    except ValueError as error:
        return {"error": str(error)}
    return {}


def started():
    """Two devices in a process where TensorFlow has computed already."""
    tf.zeros(1)
    try:
        devices(2)
    except ValueError as error:
        return {"error": str(error)}
    return {}


def averages(model):
    return np.concatenate([v.numpy().ravel() for v in model.non_trainable_variables if "moving" in v.path])


def relative(value, reference):
    return float(np.linalg.norm(value - reference) / np.linalg.norm(reference))

