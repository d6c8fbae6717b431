"""The noise, the step length and the statistics that `imitation` gives to a large batch; losses and scales of runs."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from replication import configuration, data, records
from replication.remedies import GhostNormalization, Imitation
from replication.training import train
from replication.training.batches import Examples
from replication.training.compilation import build_training_model
from replication.weights import build_network, flatten_weights
from tests import networks

RUN = configuration.Run(networks.TWO_LAYERS, "LB", 0, "digits", 144, epochs=1)


@pytest.fixture(scope="module")
def examples():
    return Examples(data.load("digits"))


class Recorder(keras.optimizers.SGD):
    """Keeps the gradients that it gets, and moves nothing."""

    def apply(self, gradients, variables=None):
        self.gradients = list(gradients)


@pytest.fixture
def narrow():
    """The same run of a network of 8 units, for many steps."""
    return dataclasses.replace(RUN, network=networks.ONE_LAYER)


def gradients(examples, remedy, number=1, batch_size=144, run=RUN):
    """The gradients of steps on one batch from the same weights, [number, n]."""
    run = dataclasses.replace(run, remedy=remedy)
    model = build_training_model(build_network(run), run, examples)
    model.compile(Recorder(), loss="sparse_categorical_crossentropy", run_eagerly=True)
    inputs, labels = examples.gather({"indices": tf.range(batch_size, dtype=tf.int64)})

    def step():
        model.remedy.learn(model, inputs, labels)
        return tf.concat([tf.reshape(gradient, [-1]) for gradient in model.optimizer.gradients], axis=0)

    step = tf.function(step) if number > 1 else step
    return np.array([step().numpy() for _ in range(number)])


def test_without_any_of_the_three_it_is_plain_training(examples):
    plain, = gradients(examples, Imitation())
    assert (plain == gradients(examples, Imitation(small_batch=16))[0]).all()
    ghost, = gradients(examples, Imitation(ghost=True, small_batch=32))
    other, = gradients(examples, GhostNormalization(examples=32))
    assert ghost == pytest.approx(other, abs=1e-7) and np.linalg.norm(ghost - plain) > 0.01 * np.linalg.norm(plain)


def test_the_noise_has_mean_0_and_the_covariance_of_small_batches(examples, narrow):
    """Of the gradient by the last bias, p - y averaged over the batch: (B / b - 1) / B times its covariance."""
    number, small = 400, 16
    noisy = gradients(examples, Imitation(noise=True, small_batch=small), number, run=narrow)[:, -10:]
    plain = gradients(examples, Imitation(), run=narrow)[0, -10:]
    network = build_network(narrow)
    inputs, labels = examples.gather({"indices": tf.range(144, dtype=tf.int64)})
    each = network(inputs, training=True).numpy() - np.eye(10)[labels.numpy()]
    expected = (144 / small - 1) / 144 * (each.T @ each / 144)
    standard = np.sqrt(np.diag(expected) / number)
    assert np.abs(noisy.mean(axis=0) - plain).max() <= 4 * standard.max()
    covariance = np.cov(noisy.T)
    assert np.linalg.norm(covariance - expected) <= 0.25 * np.linalg.norm(expected)


def test_the_learning_rate_is_that_of_the_rule(examples):
    run = dataclasses.replace(RUN, batch_size=144)
    assert Imitation().learning_rate(run, examples) == 1e-3
    assert Imitation(rule="sqrt", small_batch=16).learning_rate(run, examples) == pytest.approx(3e-3)
    schedule = Imitation(rule="linear", small_batch=16, warmup_epochs=2).learning_rate(run, examples)
    assert [float(schedule(step)) for step in (0, 10, 100)] == pytest.approx([1e-3, 5e-3, 9e-3])


def test_xla_compiles_it_without_ghost_batches():
    assert Imitation(noise=True, rule="sqrt").compiles and not Imitation(ghost=True).compiles


def test_a_run_ends_at_its_training_loss(tmp_path):
    run = dataclasses.replace(RUN, epochs=None, stop="loss", target_loss=0.2)
    record = train(run, records.Workdir.create(tmp_path), verbose=0)
    losses = [row["train_loss"] for row in record.history]
    assert losses[-1] <= 0.2 < losses[-2] and record.result["stop"] == "the training loss reached 0.2"
    assert record.result["batch"]["train_loss"] == pytest.approx(losses[-1], rel=1e-6)


@pytest.mark.parametrize("name", ["label_smoothing", "mean_squared_error"])
def test_a_run_minimizes_its_loss_and_that_is_what_is_measured(name, tmp_path):
    from replication.execution.measurement import measure_run

    workdir, dataset = records.Workdir.create(tmp_path), data.load("digits")
    record = train(dataclasses.replace(RUN, training_loss=name), workdir, verbose=0)
    choice = configuration.Sharpness(iterations=1, batch_size=1437)
    measure_run(record, [choice], dataset)
    network = build_network(record.configuration)
    network.load_weights(record.final_weights)
    p, y = network(dataset.train_inputs).numpy().astype(np.float64), np.eye(10)[dataset.train_labels]
    known = (np.mean((p - y)**2) if name == "mean_squared_error"
             else np.mean(-np.sum((0.9 * y + 0.01) * np.log(p), axis=1)))
    content, = record.measurements("sharpness")[0]
    assert content["loss"] == pytest.approx(known, rel=1e-4)
    assert record.result["batch"]["train_loss"] == pytest.approx(known, rel=1e-2)


@pytest.mark.parametrize("initializer", ["glorot_uniform", "uniform_0.05", "he_uniform"])
def test_initial_kernels_are_multiplied(initializer):
    run = dataclasses.replace(RUN, kernel_initializer=initializer)
    plain, twice = (flatten_weights(build_network(dataclasses.replace(run, kernel_scale=scale)))
                    for scale in (1.0, 2.0))
    kernels = np.abs(twice - plain) > 0
    assert twice[kernels] == pytest.approx(2 * plain[kernels]) and kernels.sum() == 64 * 128 + 128 * 128 + 128 * 10
    bare = build_network(dataclasses.replace(run, without_normalization=True))
    assert not any("normalization" in layer.name for layer in bare.layers)
    assert (bare.get_layer("dense2").kernel.numpy() == build_network(run).get_layer("dense2").kernel.numpy()).all()


@pytest.mark.parametrize("changes, message", [
    ({"target_loss": 0.1}, "target_loss=0.1: expected none without stop=loss"),
    ({"stop": "loss", "epochs": None}, "target_loss=None: expected a number with stop=loss"),
    ({"kernel_scale": 0.0}, "kernel_scale=0.0: expected a positive number"),
    ({"training_loss": "hinge"}, "training_loss='hinge': expected one of cross_entropy")])
def test_what_a_run_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(RUN, **changes)


def test_a_run_starts_at_the_minimizer_of_another(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    first = train(RUN, workdir, verbose=0)
    start = configuration.Start(first.name)
    run = dataclasses.replace(RUN, regime="grid", batch_size=720, start=start)
    record = train(run, workdir, verbose=0)
    network = build_network(run)
    network.load_weights(record.initial_weights)
    x = flatten_weights(network)
    network.load_weights(first.final_weights)
    assert (x == flatten_weights(network)).all() and f"from the minimizer of {first.name}" in run.peculiarities
    assert record.result["distance_from_start"] > 0
