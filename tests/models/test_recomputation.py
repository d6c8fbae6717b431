"""Recomputed activations: the same network, gradients and state, with less memory."""

import dataclasses
import functools
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from models.networks import fully_connected
from replication import catalog, data, files, memory, remedies, training
from replication.configuration import Distribution, Run, Sharpness
from replication.errors import UserError
from replication.execution.measurement import measure_run
from replication.records import Workdir
from replication.sharpness.objective import Objective
from replication.training.compilation import build_training_model
from replication.weights import build_network, export_keras, flatten_weights, in_double_precision, load_minimizer

EXAMPLES = 24


def networks():
    """The plain and the recomputing network, with the same weights and seeds."""
    return [models.build("C1", input_shape=(16, 16, 3), recompute=recompute) for recompute in (False, True)]


def batch():
    generator = np.random.default_rng(0)
    return generator.normal(size=(EXAMPLES, 16, 16, 3)).astype("float32"), generator.integers(10, size=EXAMPLES)


def step(network, function=tf.function):
    """The gradient of a training step, as one vector, and the state that it leaves: moving averages and seeds."""
    inputs, labels = batch()

    @function
    def gradients():
        with tf.GradientTape() as tape:
            outputs = network(inputs, training=True)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, outputs))
        return tape.gradient(loss, network.trainable_variables)

    gradient = np.concatenate([np.ravel(each) for each in gradients()])
    return gradient, [variable.numpy() for variable in network.non_trainable_variables]


@pytest.mark.parametrize("function", [
    lambda step: step, tf.function, lambda step: tf.function(step, jit_compile=True)], ids=["eager", "graph", "XLA"])
def test_a_step_has_the_same_gradient_and_state(function):
    """With dropout, whose masks a second forward pass must not draw anew."""
    (gradient, state), (recomputed, recomputed_state) = (step(each, function) for each in networks())
    assert np.linalg.norm(recomputed - gradient) < 1e-5 * np.linalg.norm(gradient)
    for ours, plain in zip(recomputed_state, state, strict=True):
        assert ours == pytest.approx(plain, rel=1e-5, abs=1e-7), "moving averages and seeds advance once"


def test_the_backward_pass_gets_the_inputs_of_blocks_alone():
    def largest_kept(network):
        inputs, labels = batch()

        @tf.function
        def loss(inputs):
            return tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, network(inputs, training=True)))

        forward, _ = loss.get_concrete_function(inputs)._delayed_rewrite_functions.forward_backward()
        return max(kept.shape[1:].num_elements() for kept in forward.function_type.flat_outputs
                   if kept.shape.rank and kept.shape[0] == EXAMPLES)

    plain, recomputing = networks()
    assert largest_kept(plain) == 16 * 16 * 64
    assert largest_kept(recomputing) == 8 * 8 * 64, "the outputs of the first pooling layer"


def test_large_losses_are_those_of_the_logits():
    """Cross-entropy clips probabilities, so that losses beyond 16 and their gradients would be cut off."""
    inputs, labels = batch()
    found = []
    for network in networks():
        kernel = network.layers[-1].kernel
        kernel.assign(100 * kernel)
        objective = Objective(network, inputs, labels, batch_size="all")
        found.append(objective.value_and_gradient(objective.x))
    (value, gradient), (same, recomputed) = found
    assert value > 50 and same == pytest.approx(value, rel=1e-6)
    assert np.linalg.norm(recomputed - gradient) < 1e-5 * np.linalg.norm(gradient)


@pytest.mark.parametrize("dropout_active", [False, True])
def test_f_its_gradient_and_hessian_are_the_same(dropout_active):
    inputs, labels = batch()
    plain, recomputing = (Objective(each, inputs, labels, batch_size="all", dropout_active=dropout_active)
                          for each in networks())
    (value, gradient), (same, recomputed) = plain.value_and_gradient(plain.x), recomputing.value_and_gradient(plain.x)
    assert same == pytest.approx(value, rel=1e-6)
    assert np.linalg.norm(recomputed - gradient) < 1e-5 * np.linalg.norm(gradient)
    direction = np.random.default_rng(1).normal(size=len(plain.x))
    product, recomputed = (each.hessian_product(plain.x, direction) for each in (plain, recomputing))
    assert np.linalg.norm(recomputed - product) < 1e-4 * np.linalg.norm(product)
    assert recomputing.has_known_gradients


def test_a_sharpness_aware_step_has_the_same_weights():
    """In float64: in float32 two steps of the plain network alone, from inputs that differ in the eighth digit, can
    differ by 3 %, because the gradient jumps where rounding decides which of two activations is the larger one.
    """
    inputs, labels = batch()
    run, weights = Run(network="C1", regime="SB", trial=0, dataset="digits", batch_size=EXAMPLES, optimizer="sgd",
                       learning_rate=0.1, remedy=remedies.SharpnessAware(examples=10)), []
    for network in map(in_double_precision, networks()):
        model, before = build_training_model(network, run, None), flatten_weights(network)
        model.optimizer.build(model.trainable_variables)
        model.remedy.learn(model, tf.constant(inputs, tf.float64), tf.constant(labels))
        weights.append(flatten_weights(network))
    plain, recomputed = weights
    moved = np.linalg.norm(plain - before)
    assert moved > 0.1 and np.linalg.norm(recomputed - plain) < 1e-12 * moved


def test_a_run_differs_in_rounding_alone(tmp_path):
    """With images without equal patches, whose maxima rounding decides, and by one step of SGD.

    ADAM would scale the rounding of gradients that are 0, those of biases before a normalization; more steps, that of
    the first.
    """
    generator = np.random.default_rng(0)
    noisy = data.Data.from_arrays("digits", [
        array + generator.normal(0, 0.1, array.shape).astype("float32") if array.ndim > 1 else array
        for array in data.load("digits").arrays])
    run = Run(network="C1", regime="SB", trial=0, dataset="digits", batch_size=1437, epochs=1, optimizer="sgd",
              learning_rate=0.1)
    plain, recomputing = (training.train(each, Workdir.create(tmp_path), dataset=noisy, verbose=0)
                          for each in (run, dataclasses.replace(run, recompute=True)))
    assert recomputing.name != plain.name
    weights, same = (flatten_weights(load_minimizer(each)) for each in (plain, recomputing))
    moved = np.linalg.norm(weights - flatten_weights(build_network(run)))
    assert moved > 0.1 and np.linalg.norm(same - weights) < 1e-5 * moved
    for statistics in ("batch", "moving"):
        for name, value in plain.result[statistics].items():
            assert recomputing.result[statistics][name] == pytest.approx(value, rel=1e-4), name
    # The file of a recomputing run is that of its plain network.
    export_keras(recomputing)
    assert type(keras.saving.load_model(recomputing.exported_model)) is type(build_network(run))


def test_what_a_batch_takes():
    """The outputs of the first block's layers, three times the largest of them, and the output of the second block."""
    _, recomputing = networks()
    first, second = 16 * 16 * 64, 8 * 8 * 64
    assert memory.peak_bytes(recomputing) == 4 * (3 * first + second + 3 * first + 10)
    plain, recomputed = (memory.peak_bytes(models.build("C2", recompute=recompute)) for recompute in (False, True))
    # Measured: 3.3 and 2.1 MB.
    assert 3.3e6 / plain > 0.7 and 2.1e6 / recomputed > 0.9 and recomputed < 0.51 * plain


def test_a_batch_that_does_not_fit_is_told_of_it(monkeypatch):
    plain, recomputing = (models.build("C2", recompute=recompute) for recompute in (False, True))
    monkeypatch.setattr(memory, "available", lambda: 3e9)
    words = "; a gradient that recomputes them .* takes 2.3 GB"
    with pytest.raises(UserError, match=words), memory.guard(plain, 1000):
        pytest.fail("it began")
    # C1 gains nothing, and several devices cannot recompute.
    for model, size, options in ((recomputing, 2000, {}), (plain, 2000, {}), (plain, 90_000, {"backward": False}),
                                 (models.build("C1"), 3000, {}), (plain, 1000, {"recomputable": False})):
        with pytest.raises(UserError) as caught, memory.guard(model, size, **options):
            pytest.fail("it began")
        assert "recompute" not in str(caught.value)


def test_a_measurement_that_does_not_fit_recomputes(tmp_path, monkeypatch):
    """SB's batches fit in training, where those of f do not."""
    digits, choices = data.load("digits"), Sharpness(iterations=1, examples=200)
    run = Run(network="C1", regime="SB", trial=0, dataset="digits", batch_size=480, epochs=0)
    plain = training.train(run, Workdir.create(tmp_path / "a"), verbose=0)
    recomputing = Workdir(shutil.copytree(tmp_path / "a", tmp_path / "b")).run(run)
    measure_run(plain, [choices], digits)
    monkeypatch.setattr(memory, "peak_bytes", lambda model: 1 if isinstance(model, models.Recomputing) else 1e15)
    measure_run(recomputing, [choices], digits)
    expected, found = (files.read_json(record.measurement(choices)) for record in (plain, recomputing))
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-6)
    assert found["sharpness"] == pytest.approx(expected["sharpness"], rel=1e-3)


def test_images_of_any_size_have_no_known_size():
    inputs = x = keras.Input((None, None, 3))
    for filters in (4, 8):
        x = keras.layers.Conv2D(filters, 3)(x)
    x = keras.layers.Dense(10, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
    for model in (keras.Model(inputs, x), models.Recomputing(inputs, x)):
        with memory.guard(model, 10):
            assert memory.peak_bytes(model) > 0


def test_a_model_saved_or_copied_recomputes(tmp_path):
    _, network = networks()
    network.save(tmp_path / "model.keras")
    inputs, _ = batch()
    for other in (keras.saving.load_model(tmp_path / "model.keras"), in_double_precision(network)):
        assert type(other) is models.Recomputing
        assert np.allclose(other(inputs, training=False), network(inputs, training=False), atol=1e-5)


def test_a_network_without_convolutions_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="recompute=True: expected False, F1 is no chain of two convolutions or more"):
        models.build("F1", recompute=True)
    with pytest.raises(UserError, match="recompute=True: expected false, F1 does not convolve"):
        Run(network="F1", regime="SB", trial=0, dataset="mnist", batch_size=256, recompute=True)
    with pytest.raises(UserError, match="recompute=True: expected false with strategy=mirrored"):
        Run(network="C2", regime="SB", trial=0, dataset="cifar10", batch_size=256, recompute=True,
            distribution=Distribution(2))
    monkeypatch.setitem(catalog.NETWORKS, "R1", catalog.Network("R1", "digits", input_shape=(8, 8, 1), classes=10))
    monkeypatch.setitem(models.BUILDERS, "R1", functools.partial(fully_connected, hidden_layers=1, units=4))
    with pytest.raises(UserError, match="recompute=True: expected false, R1 is no chain of two convolutions or more"):
        build_network(Run(network="R1", regime="LB", trial=0, dataset="digits", batch_size=480, recompute=True))
    inputs = keras.Input((8, 8, 1))
    first = keras.layers.Conv2D(2, 3, padding="same")(inputs)
    shared = keras.layers.Conv2D(2, 3, padding="same")
    second = shared(first)
    assert models.Recomputing([inputs], [second]).built
    regularized = keras.layers.ReLU(activity_regularizer="l2")(second)
    for outputs in (keras.layers.Add()([first, second]), shared(second), keras.ops.softmax(second), [first, second],
                    regularized, first):
        with pytest.raises(ValueError, match="expected a chain of layers"):
            models.Recomputing(inputs, outputs)
