"""The remedies' steps against their closed forms on a linear model."""

import dataclasses
import types

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from replication import configuration, remedies
from replication.remedies.stability import divergence
from replication.training.model import TrainingModel, first_row
from replication.weights import flatten_weights
from tests.sharpness import cases
from tests.training import steps

EXAMPLES, FEATURES = 12, 3
# Of float32 against float64, over a few operations on numbers near 1.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}


class Problem:
    """f(w) = mean (u w - t)^2 = w A w / 2 - b w + constant, and a linear model at a known w."""

    def __init__(self, remedy, *, rate=steps.RATE):
        generator = np.random.default_rng(0)
        self.inputs = generator.normal(size=(EXAMPLES, FEATURES))
        self.targets = generator.normal(size=(EXAMPLES, 1))
        self.start = generator.normal(size=(FEATURES, 1))
        inputs = keras.Input((FEATURES,))
        network = keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(inputs))
        self.model = TrainingModel(network, None, remedy, seed=0)
        self.model.compile(keras.optimizers.SGD(rate), loss="mse")
        self.model.set_weights([self.start])

    def gradient(self, w, inputs=None):
        inputs = self.inputs if inputs is None else inputs
        return 2 / EXAMPLES * inputs.T @ (inputs @ w - self.targets)

    def loss(self, w, inputs=None):
        inputs = self.inputs if inputs is None else inputs
        return np.mean((inputs @ w - self.targets) ** 2)

    def perturbed(self, w, epsilon):
        """The inputs after a step along the sign of their gradient."""
        return self.inputs + epsilon * np.sign((self.inputs @ w - self.targets) @ w.T)

    def learn(self):
        """Takes one step and returns w."""
        self.report()
        return self.model.trainable_variables[0].numpy()

    def report(self):
        """Takes one step and returns the loss that it reports."""
        return steps.learn(self.model, tf.constant(self.inputs, tf.float32), tf.constant(self.targets, tf.float32))


def test_conservative_reaches_the_minimizer_of_the_proximal_problem():
    """On a quadratic it is (A + lambda I)^-1 (b + lambda x_k); 200 steps shrink the error below rounding."""
    problem = Problem(remedies.Conservative(iterations=200, penalty=0.7))
    hessian = 2 / EXAMPLES * problem.inputs.T @ problem.inputs
    b = 2 / EXAMPLES * problem.inputs.T @ problem.targets
    expected = np.linalg.solve(hessian + 0.7 * np.eye(FEATURES), b + 0.7 * problem.start)
    np.testing.assert_allclose(problem.learn(), expected, **TOLERANCE)


def test_conservative_takes_one_step_for_each_iteration():
    """At x_k the proximal term has no gradient; after one step it pulls back."""
    problem = Problem(remedies.Conservative(iterations=2, penalty=0.7))
    first = problem.start - steps.RATE * problem.gradient(problem.start)
    second = first - steps.RATE * (problem.gradient(first) + 0.7 * (first - problem.start))
    np.testing.assert_allclose(problem.learn(), second, **TOLERANCE)


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_steps_along_the_gradient_at_the_perturbed_weights(adaptive):
    remedy = remedies.SharpnessAware(rho=0.3, adaptive=adaptive)
    problem = Problem(remedy)
    w = problem.start
    scale = np.abs(w) if adaptive else np.ones_like(w)
    gradient = problem.gradient(w)
    step = 0.3 * scale**2 * gradient / np.linalg.norm(scale * gradient)
    np.testing.assert_allclose(problem.learn(), w - steps.RATE * problem.gradient(w + step), **TOLERANCE)


@pytest.mark.parametrize("size", [7, EXAMPLES])
def test_sam_perturbs_each_part_of_the_batch_apart(size):
    problem = Problem(remedies.SharpnessAware(rho=0.3, examples=size))
    w, number = problem.start, -(-EXAMPLES // size)
    total = np.zeros_like(w)
    for part in range(number):
        rows = slice(part * EXAMPLES // number, (part + 1) * EXAMPLES // number)
        inputs, targets = problem.inputs[rows], problem.targets[rows]

        def gradient(at, inputs=inputs, targets=targets):
            return 2 / len(inputs) * inputs.T @ (inputs @ at - targets)

        step = 0.3 * gradient(w) / np.linalg.norm(gradient(w))
        total += len(inputs) / EXAMPLES * gradient(w + step)
    np.testing.assert_allclose(problem.learn(), w - steps.RATE * total, **TOLERANCE)


def test_parts_of_a_large_batch_cover_it():
    total, number = 1_120_000, 4_375
    rows = [int(first_row(tf.constant(part), tf.constant(total), tf.constant(number))) for part in range(number + 1)]
    assert rows[0] == 0 and rows[-1] == total and set(np.diff(rows)) == {256}


def test_ghost_normalization_is_the_mean_step_of_small_batches():
    """SGD moves by the mean of the moves on each part; a part of the whole batch is plain training."""
    inputs, labels = steps.images()
    whole, plain, ghost = (steps.convolutional(remedy) for remedy in (
        remedies.GhostNormalization(examples=64), None, remedies.GhostNormalization(examples=len(labels) // 2)))
    for model in (whole, plain, ghost):
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
    start = flatten_weights(plain)
    for model in (whole, plain):
        steps.learn(model, inputs, labels)
    np.testing.assert_allclose(flatten_weights(whole), flatten_weights(plain), atol=1e-6)
    moves = []
    for half in (slice(None, len(labels) // 2), slice(len(labels) // 2, None)):
        model = steps.convolutional()
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        steps.learn(model, inputs[half], labels[half])
        moves.append(flatten_weights(model) - start)
    steps.learn(ghost, inputs, labels)
    np.testing.assert_allclose(flatten_weights(ghost) - start, np.mean(moves, axis=0), atol=1e-6)
    assert np.abs(flatten_weights(ghost) - flatten_weights(plain)).max() > 1e-4


@pytest.mark.parametrize("rule, factor", [("linear", 16.0), ("sqrt", 4.0)])
def test_the_learning_rate_rises_to_the_scaled_one(rule, factor):
    run = configuration.Run(network="F1", regime="LB", trial=0, dataset="digits", batch_size=400, learning_rate=0.01)
    remedy = remedies.LearningRateScaling(rule=rule, small_batch=25, warmup_epochs=2.5)
    rate = remedy.learning_rate(run, types.SimpleNamespace(size=lambda split: 1437))
    # Four batches an epoch.
    rates = [float(rate(step)) for step in (0, 5, 10, 1000)]
    np.testing.assert_allclose(rates, [0.01, 0.01 * (1 + factor) / 2, 0.01 * factor, 0.01 * factor], rtol=1e-6)
    assert dataclasses.replace(remedy, warmup_epochs=0.0).learning_rate(run, None) == 0.01 * factor


def test_sam_leaves_the_weights_to_the_optimizer_alone():
    problem = Problem(remedies.SharpnessAware(rho=10.0), rate=0.0)
    assert np.array_equal(problem.learn(), problem.start.astype(np.float32))


def test_sam_perturbs_all_variables_by_one_norm_and_nothing_without_a_gradient():
    gradients = [tf.constant([3.0, 0.0]), tf.constant([[4.0]])]
    weights = [tf.constant([2.0, -1.0]), tf.constant([[0.5]])]
    steps = remedies.SharpnessAware(rho=0.5).perturbation(gradients, weights)
    np.testing.assert_allclose(steps[0], [0.3, 0.0], **TOLERANCE)
    np.testing.assert_allclose(steps[1], [[0.4]], **TOLERANCE)
    adaptive = remedies.SharpnessAware(rho=0.5, adaptive=True)
    still = adaptive.perturbation([tf.zeros_like(g) for g in gradients], weights)
    assert all(not np.any(step) for step in still)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_adversarial_mixes_the_gradients_of_clean_and_perturbed_inputs(share):
    problem = Problem(remedies.Adversarial(epsilon=0.2, clean_share=share))
    w = problem.start
    perturbed = problem.perturbed(w, 0.2)
    expected = w - steps.RATE * (share * problem.gradient(w) + (1 - share) * problem.gradient(w, perturbed))
    np.testing.assert_allclose(problem.learn(), expected, **TOLERANCE)


def test_adversarial_images_stay_in_their_range_and_vectors_have_none():
    remedy = remedies.Adversarial(epsilon=0.2)
    gradient = tf.constant([1.0, -1.0, 0.0])
    values = tf.constant([0.9, 0.1, 0.5])
    np.testing.assert_allclose(remedy.perturb(values[None], gradient[None])[0], [1.1, -0.1, 0.5], **TOLERANCE)
    images = remedy.perturb(tf.reshape(values, (1, 3, 1, 1)), tf.reshape(gradient, (1, 3, 1, 1)))
    np.testing.assert_allclose(tf.reshape(images, [-1]), [1.0, 0.0, 0.5], **TOLERANCE)


@pytest.mark.parametrize("remedy", [remedies.Conservative(iterations=3), remedies.SharpnessAware(rho=0.3)], ids=str)
def test_reported_loss_is_that_of_the_batch_before_the_step(remedy):
    problem = Problem(remedy)
    assert problem.report() == pytest.approx(problem.loss(problem.start), rel=1e-5)


def test_adversarial_reports_the_mixed_loss():
    problem = Problem(remedies.Adversarial(epsilon=0.2, clean_share=0.3))
    w = problem.start
    expected = 0.3 * problem.loss(w) + 0.7 * problem.loss(w, problem.perturbed(w, 0.2))
    assert problem.report() == pytest.approx(expected, rel=1e-5)


def test_stability_steps_through_both_outputs():
    """On softmax regression, against the gradients of the loss and of KL(p || q) in closed form."""
    generator = np.random.default_rng(0)
    inputs, labels = generator.normal(size=(EXAMPLES, FEATURES)).astype("float32"), np.arange(EXAMPLES) % 4
    noisy = inputs + keras.random.normal(inputs.shape, stddev=0.8, seed=keras.random.SeedGenerator(5)).numpy()
    model = TrainingModel(cases.regression_model(generator.normal(size=16), FEATURES, dtype="float32"), None,
                          remedies.Stability(deviation=0.8, weight=0.7), seed=5)
    model.compile(keras.optimizers.SGD(steps.RATE), loss="sparse_categorical_crossentropy")
    kernel, bias = model.get_weights()[:2]
    log_p, log_q = (scipy.special.log_softmax(each @ kernel + bias, axis=1) for each in (inputs, noisy))
    p, q = np.exp(log_p), np.exp(log_q)
    divergences = np.sum(p * (log_p - log_q), axis=1, keepdims=True)
    clean_gradient = p - np.eye(4)[labels] + 0.7 * p * (log_p - log_q - divergences)
    gradient = (inputs.T @ clean_gradient + noisy.T @ (0.7 * (q - p))) / EXAMPLES
    loss = steps.learn(model, tf.constant(inputs), tf.constant(labels))
    np.testing.assert_allclose(model.get_weights()[0], kernel - steps.RATE * gradient, **TOLERANCE)
    assert loss == pytest.approx(0.7 * divergences.mean() - log_p[range(EXAMPLES), labels].mean(), rel=1e-5)


def test_divergence_is_kullback_leibler():
    p, q = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]]), np.array([[0.5, 0.25, 0.25], [0.1, 0.6, 0.3]])
    expected = np.mean(np.sum(p * np.log(p / q), axis=1))
    assert float(divergence(tf.constant(p), tf.constant(q))) == pytest.approx(expected, rel=1e-6)
    assert float(divergence(tf.constant(p), tf.constant(p))) == 0


def _state(model):
    return [v.numpy() for layer in model.layers for v in layer.non_trainable_variables]


@pytest.mark.parametrize("remedy", [
    remedies.Adversarial(), remedies.Stability(deviation=0.5), remedies.SharpnessAware(rho=1.0)], ids=str)
def test_further_passes_leave_averages_and_seeds_alone(remedy):
    """After a step they are what plain training leaves."""
    plain, remedied = steps.convolutional(), steps.convolutional(remedy)
    for model in (plain, remedied):
        steps.learn(model, *steps.images())
    assert len(_state(plain)) == 2 * 4 + 2
    for expected, found in zip(_state(plain), _state(remedied), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_stability_without_noise_is_plain_training():
    """Dropout is the same in both passes, so the divergence is exactly 0 and its gradient is rounding."""
    plain, stable = steps.convolutional(), steps.convolutional(remedies.Stability(deviation=0.0))
    losses = [steps.learn(model, *steps.images()) for model in (plain, stable)]
    assert losses[0] == losses[1]
    for expected, found in zip(plain.trainable_variables, stable.trainable_variables):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    noisy = steps.convolutional(remedies.Stability(deviation=0.5, weight=1.0))
    assert steps.learn(noisy, *steps.images()) > losses[0]
