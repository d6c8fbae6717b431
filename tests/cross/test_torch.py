"""f, its gradient, Metric 2.1 and the Hessian beside an independent implementation in PyTorch and curvlinops.

`make cross` installs PyTorch into an environment of its own and names its interpreter in CROSS_PYTHON.
"""

import json
import os
import pathlib
import subprocess

import keras
import numpy as np
import pytest

import models
from replication.data import partition
from replication.sharpness import Objective, measure_sharpness
from replication.spectrum import Hessian

# The process that runs tests/cross/torch_side.py.
PYTHON = os.environ.get("CROSS_PYTHON")
pytestmark = pytest.mark.skipif(PYTHON is None, reason="PyTorch is installed and compared by `make cross`")
BATCH_SIZE, EXAMPLES = 70, 200


def _in_float64(model):
    """At ReLU's kinks, rounding decides which of two gradients is taken; in float64 it hardly ever does."""
    config = json.loads(json.dumps(model.get_config()).replace('"float32"', '"float64"'))
    copy = keras.Model.from_config(config)
    copy.set_weights(model.get_weights())
    return copy


def _f1():
    model = models.build("F1", seed=3, input_shape=(30,), classes=4)
    return _in_float64(model), ["dense", "normalization", "relu"] * 5 + ["dense"], (30,)


def _convolutional():
    keras.utils.set_random_seed(3)
    model = keras.Sequential([
        keras.Input((8, 8, 2)), keras.layers.Conv2D(6, 3, padding="same"), models.BatchNormalization(),
        keras.layers.ReLU(), keras.layers.MaxPooling2D(2), keras.layers.Conv2D(5, 3, padding="same"),
        models.BatchNormalization(), keras.layers.ReLU(), keras.layers.Flatten(),
        keras.layers.Dense(4, activation="softmax")])
    layers = ["conv", "normalization", "relu", "pool", "conv", "normalization", "relu", "flatten", "dense"]
    copy = keras.Sequential.from_config(json.loads(json.dumps(model.get_config()).replace('"float32"', '"float64"')))
    copy.set_weights(model.get_weights())
    return copy, layers, (8, 8, 2)


@pytest.mark.parametrize("make, epsilon", [(_f1, 1e-4), (_convolutional, 1e-4), (_convolutional, 1e-3)])
def test_an_independent_implementation_agrees(make, epsilon, tmp_path):
    """At x_0 the gradient is large, so that a small box has one maximum, at the corner that the gradient points to."""
    model, layers, shape = make()
    generator = np.random.default_rng(0)
    inputs, labels = generator.normal(size=(EXAMPLES, *shape)), generator.integers(4, size=EXAMPLES)
    order, bounds = partition(EXAMPLES, BATCH_SIZE)
    weights = [v.numpy() for v in model.trainable_variables]
    directions = generator.normal(size=(sum(array.size for array in weights), 3))
    np.savez(tmp_path / "problem.npz", layers=layers, weights=len(weights), inputs=inputs[order], labels=labels[order],
             bounds=bounds, epsilon=epsilon, directions=directions, normalization_epsilon=1e-3,
             **{f"weight{i}": array for i, array in enumerate(weights)})
    subprocess.run([PYTHON, pathlib.Path(__file__).with_name("torch_side.py"), tmp_path / "problem.npz",
                    tmp_path / "result.npz"], check=True, timeout=600)
    theirs = np.load(tmp_path / "result.npz")
    objective = Objective(model, inputs, labels, batch_size=BATCH_SIZE)
    loss, gradient = objective.value_and_gradient(objective.x)
    assert loss == pytest.approx(float(theirs["loss"]), rel=1e-5)
    assert np.linalg.norm(gradient - theirs["gradient"]) <= 1e-5 * np.linalg.norm(gradient)
    # Theirs weights the batches by their sizes, which differ by an example, as ours does.
    products = Hessian(objective) @ directions
    assert np.linalg.norm(products - theirs["products"]) <= 1e-5 * np.linalg.norm(products)
    result = measure_sharpness(model, inputs, labels, epsilon=epsilon, batch_size=BATCH_SIZE)
    rise = float(theirs["highest"] - theirs["loss"]) / (1 + float(theirs["loss"])) * 100
    assert result.sharpness == pytest.approx(rise, rel=0.02)
