"""The Hessian against dense ones: of closed form, and by finite differences of the gradient in float64."""

import os
import pathlib

import keras
import numpy as np
import pytest

import models
from replication import configuration, data, records
from replication.errors import MeasurementFailedError, UserError
from replication.sharpness import Objective, compute
from replication.sharpness.maximizer import Box
from replication.spectrum import Hessian, extreme_eigenvalues, hessian
from replication.spectrum.measurement import compute as compute_spectrum
from replication.spectrum.measurement import in_box
from replication.weights import load_minimizer
from tests.sharpness.cases import minimizer, regression_model, softmax_regression

ROOT = pathlib.Path(__file__).parents[2]


class Noise(keras.layers.Layer):
    """Draws random numbers in evaluation too."""

    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.seeds)


def network(dtype):
    """A few hundred weights with every kind of layer that our networks have, far from a minimizer."""
    x = inputs = keras.Input((6, 6, 2))
    for filters in (3, 2):
        x = keras.layers.Conv2D(filters, 3, padding="same", dtype=dtype)(x)
        x = keras.layers.ReLU(dtype=dtype)(models.BatchNormalization(dtype=dtype)(x))
        x = keras.layers.MaxPooling2D(2, padding="same", dtype=dtype)(x)
    x = keras.layers.Dense(6, dtype=dtype)(keras.layers.Flatten(dtype=dtype)(x))
    x = keras.layers.ReLU(dtype=dtype)(models.BatchNormalization(dtype=dtype)(x))
    x = keras.layers.Dropout(0.5, dtype=dtype)(x)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax", dtype=dtype)(x))
    generator = np.random.default_rng(1)
    model.set_weights([generator.normal(0, 0.5, v.shape)**2 + 0.1 if "gamma" in v.path or "variance" in v.path
                       else generator.normal(0, 0.5, v.shape) for v in model.weights])
    return model


@pytest.fixture(scope="module")
def examples():
    generator = np.random.default_rng(0)
    return generator.normal(size=(60, 6, 6, 2)), generator.integers(3, size=60)


def dense(objective, step=1e-6):
    """The Hessian by central differences of the gradient."""
    columns = []
    for direction in np.eye(len(objective.x)):
        above, below = (objective.value_and_gradient(objective.x + sign * step * direction)[1] for sign in (1, -1))
        columns.append((above - below) / (2 * step))
    return np.array(columns)


@pytest.fixture(scope="module")
def exact(examples):
    return dense(Objective(network("float64"), *examples, batch_size=30))


def test_products_are_those_of_finite_differences_and_the_operator_is_symmetric(examples, exact):
    H = hessian(network("float64"), *examples, batch_size=30)
    products = H @ np.eye(len(exact))
    assert np.linalg.norm(products - exact) <= 1e-6 * np.linalg.norm(exact)
    assert np.linalg.norm(products - products.T) <= 1e-12 * np.linalg.norm(exact)
    assert H.products == len(exact) and H.H is H


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-6), ("float32", 1e-4)])
def test_extreme_eigenvalues_are_those_of_the_dense_hessian(examples, exact, dtype, tolerance):
    H = hessian(network(dtype), *examples, batch_size=30)
    values, vectors = extreme_eigenvalues(H, 2)
    known = np.linalg.eigvalsh(exact)
    assert np.abs(values - known[[0, 1, -2, -1]]).max() <= tolerance * np.abs(known).max()
    assert vectors.shape == (len(exact), 4)
    assert np.linalg.norm(H @ vectors[:, -1] - values[-1] * vectors[:, -1]) <= 100 * tolerance * values[-1]


def test_the_derivatives_of_the_statistics_are_part_of_it(examples, exact):
    """With moving averages it is the Hessian of another f."""
    model = network("float64")
    moving = hessian(model, *examples, batch_size=30, statistics="moving") @ np.eye(len(exact))
    other = dense(Objective(model, *examples, batch_size=30, statistics="moving"))
    assert np.linalg.norm(moving - other) <= 1e-6 * np.linalg.norm(other)
    assert np.linalg.norm(moving - exact) > 0.1 * np.linalg.norm(exact)


def test_it_is_that_of_softmax_regression_in_closed_form():
    """With one-hot labels the Hessian is the mean over the examples of (diag p - p p') by u u'."""
    inputs, labels = softmax_regression(2, 3, seed=2)
    theta = minimizer(inputs, labels, 3)
    model = regression_model(theta, 2)
    extended = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
    logits = extended @ np.concatenate([theta[:6].reshape(2, 3), theta[None, 6:]])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    known = np.mean([np.kron(np.outer(u, u), np.diag(q) - np.outer(q, q)) for u, q in zip(extended, p)], axis=0)
    H = hessian(model, inputs, labels)
    assert np.abs(H @ np.eye(9) - known).max() <= 1e-10
    part = hessian(model, inputs, labels, variables=model.trainable_variables[1:])
    assert np.abs(part @ np.eye(3) - known[6:, 6:]).max() <= 1e-10
    scaled = hessian(model, inputs, labels, loss=lambda y, p: 2 * keras.losses.sparse_categorical_crossentropy(y, p))
    assert np.abs(scaled @ np.eye(9) - 2 * known).max() <= 1e-10


def test_the_box_turns_into_a_cube():
    inputs, labels = softmax_regression(2, 3, seed=2)
    theta = minimizer(inputs, labels, 3)
    H = hessian(regression_model(theta, 2), inputs, labels)
    half_widths = 1e-3 * (np.abs(theta) + 1)
    scaled = in_box(H, Box(half_widths))
    assert np.abs(scaled @ np.eye(9) - half_widths[:, None] * (H @ np.eye(9)) * half_widths).max() <= 1e-18
    assert scaled.precision == H.precision


def test_a_small_box_rises_as_the_quadratic_model_predicts():
    """At a minimizer the terms of third order are a thousandth of those of second in so small a box."""
    inputs, labels = softmax_regression(2, 3, seed=2)
    theta = minimizer(inputs, labels, 3)
    objective = Objective(regression_model(theta, 2), inputs, labels)
    result = compute_spectrum(objective, configuration.Spectrum(
        epsilon=1e-3, eigenvalues=1, probes=1, steps=9, subspace_dim=4))
    for dimension, space in ((0, "full"), (4, "subspace")):
        measured = compute(objective, configuration.Sharpness(epsilon=1e-3, subspace_dim=dimension, starts=1))
        assert result.predicted[space] == pytest.approx(measured.sharpness, rel=5e-3)
    half_widths = 1e-3 * (np.abs(theta) + 1)
    scaled = half_widths[:, None] * (Hessian(objective) @ np.eye(9)) * half_widths
    values = np.linalg.eigvalsh(scaled)
    assert result.eigenvalues == pytest.approx([values[0], values[-1]], abs=1e-8 * values[-1])
    assert result.trace == pytest.approx(np.trace(scaled), rel=1e-8)
    plain = compute_spectrum(objective, configuration.Spectrum(eigenvalues=1, probes=1, steps=9))
    assert plain.predicted is None and plain.gradient_norm < 1e-6
    assert plain.trace == pytest.approx(np.trace(Hessian(objective) @ np.eye(9)), rel=1e-8)
    assert max(plain.residuals) < 1e-8 and plain.to_json()["nodes"] == plain.nodes
    elsewhere = Objective(regression_model(theta + 0.1, 2), inputs, labels)
    gradient = elsewhere.value_and_gradient(elsewhere.x)[1]
    for epsilon, expected in ((None, gradient), (1e-3, 1e-3 * (np.abs(theta + 0.1) + 1) * gradient)):
        found = compute_spectrum(elsewhere, configuration.Spectrum(
            epsilon=epsilon, eigenvalues=1, probes=1, steps=9, subspace_dim=4))
        assert found.gradient_norm == pytest.approx(np.linalg.norm(expected), rel=1e-6)


MINIMIZER = ROOT / "results" / "runs" / "F1-LB-trial0-0bacb493"


def test_the_top_eigenvalue_of_f1_is_the_slope_of_the_gradient_along_its_eigenvector():
    """At the published LB minimizer on MNIST, over 2,000 images; along longer steps f is far from a quadratic."""
    data_dir = os.environ.get("REPLICATION_DATA_DIR")
    if not data_dir:
        pytest.skip("set REPLICATION_DATA_DIR to a folder where TFDS has prepared mnist")
    dataset = data.load("mnist", data_dir)
    record = records.Workdir.open(ROOT / "results").run_named(MINIMIZER.name)
    H = hessian(load_minimizer(record), *dataset.training_examples(2000), batch_size=1000)
    values, vectors = extreme_eigenvalues(H, 1)
    top, x, step = vectors[:, -1], H.objective.x, 1e-3
    above, below = (H.objective.value_and_gradient(x + sign * step * top)[1] for sign in (1, -1))
    assert top @ (above - below) / (2 * step) == pytest.approx(values[-1], rel=0.01)


@pytest.mark.parametrize("layer", [
    lambda: keras.layers.BatchNormalization(dtype="float64"), lambda: keras.layers.LayerNormalization(dtype="float64"),
    lambda: keras.layers.GroupNormalization(2, dtype="float64"),
    lambda: keras.layers.UnitNormalization(dtype="float64"), lambda: keras.layers.Activation("gelu", dtype="float64")])
def test_other_layers_have_the_hessian_of_their_gradient(layer):
    """`tf.nn.moments`, as it is, has a wrong second derivative."""
    keras.utils.set_random_seed(2)
    model = keras.Sequential([
        keras.Input((5,)), keras.layers.Dense(4, dtype="float64"), layer(),
        keras.layers.Dense(3, activation="softmax", dtype="float64")])
    generator = np.random.default_rng(0)
    inputs, labels = generator.normal(size=(40, 5)), generator.integers(3, size=40)
    H = hessian(model, inputs, labels)
    known = dense(H.objective)
    assert np.linalg.norm(H @ np.eye(len(known)) - known) <= 1e-6 * np.linalg.norm(known)


def test_the_model_is_left_as_it_was(examples):
    model = network("float32")
    before = [v.numpy() for v in model.variables]
    extreme_eigenvalues(hessian(model, *examples), 1)
    assert all((a == b.numpy()).all() for a, b in zip(before, model.variables))


def test_a_random_loss_is_refused(examples):
    inputs = keras.Input((6, 6, 2))
    noisy = Noise()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(noisy)))
    with pytest.raises(MeasurementFailedError, match="not deterministic"):
        hessian(model, *examples)
    with pytest.raises(UserError, match="statistics"):
        hessian(network("float32"), *examples, statistics="global")
