"""The remedies' steps against their closed forms on a linear model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from replication import remedies
from replication.training.adversarial import AdversarialModel
from replication.training.augmentation import AugmentedModel
from replication.training.conservative import ConservativeModel
from replication.training.model import TrainingModel
from replication.training.sharpness_aware import SharpnessAwareModel, perturbation
from replication.training.stability import StabilityModel, divergence

RATE = 0.1
EXAMPLES, FEATURES = 12, 3
# Of float32 against float64, over a few operations on numbers near 1.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}


class Problem:
    """f(w) = mean (u w - t)^2 = w A w / 2 - b w + constant, and a linear model at a known w."""

    def __init__(self, kind, remedy, *, rate=RATE):
        generator = np.random.default_rng(0)
        self.inputs = generator.normal(size=(EXAMPLES, FEATURES))
        self.targets = generator.normal(size=(EXAMPLES, 1))
        self.start = generator.normal(size=(FEATURES, 1))
        inputs = keras.Input((FEATURES,))
        network = keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(inputs))
        self.model = kind(network, None, remedy, seed=0)
        self.model.compile(keras.optimizers.SGD(rate), loss="mse")
        self.model.set_weights([self.start])

    def slope(self, w, inputs=None):
        inputs = self.inputs if inputs is None else inputs
        return 2 / EXAMPLES * inputs.T @ (inputs @ w - self.targets)

    def learn(self):
        """Takes one step and returns w."""
        self.model.learn(tf.constant(self.inputs, tf.float32), tf.constant(self.targets, tf.float32))
        return self.model.trainable_variables[0].numpy()


def test_conservative_reaches_the_minimizer_of_the_proximal_problem():
    """On a quadratic it is (A + lambda I)^-1 (b + lambda x_k); 200 steps shrink the error below rounding."""
    problem = Problem(ConservativeModel, remedies.Conservative(iterations=200, penalty=0.7))
    hessian = 2 / EXAMPLES * problem.inputs.T @ problem.inputs
    slope = 2 / EXAMPLES * problem.inputs.T @ problem.targets
    expected = np.linalg.solve(hessian + 0.7 * np.eye(FEATURES), slope + 0.7 * problem.start)
    np.testing.assert_allclose(problem.learn(), expected, **TOLERANCE)


def test_conservative_takes_one_step_for_each_iteration():
    """At x_k the proximal term has no slope; after one step it pulls back."""
    problem = Problem(ConservativeModel, remedies.Conservative(iterations=2, penalty=0.7))
    first = problem.start - RATE * problem.slope(problem.start)
    second = first - RATE * (problem.slope(first) + 0.7 * (first - problem.start))
    np.testing.assert_allclose(problem.learn(), second, **TOLERANCE)


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_steps_along_the_gradient_at_the_perturbed_weights(adaptive):
    remedy = remedies.SharpnessAware(rho=0.3, adaptive=adaptive)
    problem = Problem(SharpnessAwareModel, remedy)
    w = problem.start
    scale = np.abs(w) if adaptive else np.ones_like(w)
    slope = problem.slope(w)
    step = 0.3 * scale**2 * slope / np.linalg.norm(scale * slope)
    np.testing.assert_allclose(problem.learn(), w - RATE * problem.slope(w + step), **TOLERANCE)


def test_sam_leaves_the_weights_to_the_optimizer_alone():
    problem = Problem(SharpnessAwareModel, remedies.SharpnessAware(rho=10.0), rate=0.0)
    assert np.array_equal(problem.learn(), problem.start.astype(np.float32))


def test_sam_perturbs_all_variables_by_one_norm_and_nothing_without_a_gradient():
    gradients = [tf.constant([3.0, 0.0]), tf.constant([[4.0]])]
    weights = [tf.constant([2.0, -1.0]), tf.constant([[0.5]])]
    steps = perturbation(gradients, weights, rho=0.5, adaptive=False)
    np.testing.assert_allclose(steps[0], [0.3, 0.0], **TOLERANCE)
    np.testing.assert_allclose(steps[1], [[0.4]], **TOLERANCE)
    still = perturbation([tf.zeros_like(g) for g in gradients], weights, rho=0.5, adaptive=True)
    assert all(not np.any(step) for step in still)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_adversarial_mixes_the_gradients_of_clean_and_perturbed_inputs(share):
    problem = Problem(AdversarialModel, remedies.Adversarial(epsilon=0.2, clean_share=share))
    w = problem.start
    slope_of_inputs = 2 / EXAMPLES * (problem.inputs @ w - problem.targets) @ w.T
    perturbed = problem.inputs + 0.2 * np.sign(slope_of_inputs)
    expected = w - RATE * (share * problem.slope(w) + (1 - share) * problem.slope(w, perturbed))
    np.testing.assert_allclose(problem.learn(), expected, **TOLERANCE)


def test_adversarial_images_stay_in_their_range_and_vectors_have_none():
    model = Problem(AdversarialModel, remedies.Adversarial(epsilon=0.2)).model
    slope = tf.constant([1.0, -1.0, 0.0])
    values = tf.constant([0.9, 0.1, 0.5])
    np.testing.assert_allclose(model.perturb(values[None], slope[None])[0], [1.1, -0.1, 0.5], **TOLERANCE)
    images = model.perturb(tf.reshape(values, (1, 3, 1, 1)), tf.reshape(slope, (1, 3, 1, 1)))
    np.testing.assert_allclose(tf.reshape(images, [-1]), [1.0, 0.0, 0.5], **TOLERANCE)


def test_divergence_is_kullback_leibler():
    p, q = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]]), np.array([[0.5, 0.25, 0.25], [0.1, 0.6, 0.3]])
    expected = np.mean(np.sum(p * np.log(p / q), axis=1))
    assert float(divergence(tf.constant(p), tf.constant(q))) == pytest.approx(expected, rel=1e-6)
    assert float(divergence(tf.constant(p), tf.constant(p))) == 0


def _images(number=20):
    generator = np.random.default_rng(0)
    return (tf.constant(generator.random((number, 8, 8, 1)), tf.float32),
            tf.constant(generator.integers(10, size=number), tf.int32))


def _convolutional(kind, remedy=None):
    """C1 with normalization and dropout, compiled; the same starting point each time."""
    network = models.build("C1", architecture="text", input_shape=(8, 8, 1), seed=0)
    model = kind(network, None, remedy, seed=0)
    model.compile(keras.optimizers.SGD(RATE), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _state(model):
    return [v.numpy() for layer in model.layers for v in layer.non_trainable_variables]


@pytest.mark.parametrize("kind, remedy", [
    (AdversarialModel, remedies.Adversarial()),
    (StabilityModel, remedies.Stability(deviation=0.5)),
    (SharpnessAwareModel, remedies.SharpnessAware(rho=1.0)),
])
def test_further_passes_leave_averages_and_seeds_alone(kind, remedy):
    """After a step they are what plain training leaves."""
    plain, remedied = _convolutional(TrainingModel), _convolutional(kind, remedy)
    for model in (plain, remedied):
        model.learn(*_images())
    assert len(_state(plain)) == 2 * 4 + 2
    for expected, found in zip(_state(plain), _state(remedied), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_stability_without_noise_is_plain_training():
    """Dropout is the same in both passes, so the divergence is exactly 0 and its slope is rounding."""
    plain, stable = _convolutional(TrainingModel), _convolutional(StabilityModel, remedies.Stability(deviation=0.0))
    losses = [float(model.learn(*_images())["loss"]) for model in (plain, stable)]
    assert losses[0] == losses[1]
    for expected, found in zip(plain.trainable_variables, stable.trainable_variables):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    noisy = _convolutional(StabilityModel, remedies.Stability(deviation=0.5, weight=1.0))
    assert float(noisy.learn(*_images())["loss"]) > losses[0]


def test_augmentation_transforms_each_image_by_itself():
    model = _convolutional(AugmentedModel, remedies.Augmentation())
    images = tf.repeat(_images(1)[0], 30, axis=0)
    transform = tf.function(model.transform)
    first, second = transform(images).numpy(), transform(images).numpy()
    assert first.shape == images.shape
    assert len({image.tobytes() for image in [*first, *second]}) == 60
    # Interpolation rounds in the last bit.
    assert first.min() >= images.numpy().min() - 1e-6 and first.max() <= images.numpy().max() + 1e-6


@pytest.mark.parametrize("options, allowed", [
    ({"rotation": 0.0, "translation": 0.0, "flip": False}, lambda image: [image]),
    ({"rotation": 0.0, "translation": 0.0}, lambda image: [image, image[:, ::-1]]),
])
def test_augmentation_does_what_its_options_say(options, allowed):
    model = _convolutional(AugmentedModel, remedies.Augmentation(**options))
    images, _ = _images()
    for before, after in zip(images.numpy(), model.transform(images).numpy()):
        assert min(np.abs(after - image).max() for image in allowed(before)) < 1e-6


def test_augmentation_moves_an_image_at_most_as_far_as_it_says():
    model = _convolutional(AugmentedModel, remedies.Augmentation(rotation=0.0, translation=0.25, flip=False))
    image = np.zeros((1, 8, 8, 1), "float32")
    image[0, 4, 4] = 1
    places = np.argwhere(model.transform(tf.repeat(tf.constant(image), 200, axis=0)).numpy() > 0)[:, 1:3]
    # A quarter of 8 pixels is 2; interpolation reaches no further than that.
    assert places.min() == 2 and places.max() == 6


def test_augmentation_keeps_labels_and_evaluates_on_clean_images(monkeypatch):
    seen = []
    monkeypatch.setattr(TrainingModel, "learn", lambda self, inputs, labels: seen.append((inputs, labels)))
    model = _convolutional(AugmentedModel, remedies.Augmentation())
    images, labels = _images()
    model.learn(images, labels)
    (inputs, given), = seen
    assert np.array_equal(given, labels) and not np.array_equal(inputs, images)
    assert np.array_equal(model(images, training=False), _convolutional(TrainingModel)(images, training=False))
