"""Table 1: shapes, sizes, order of weights and starting points."""

import numpy as np
import pytest

import models
from models.weights import assign_weights, flatten_weights


@pytest.mark.parametrize("name, parameters, input_shape, classes", [
    ("F1", 1_462_794, (784,), 10), ("F2", 2_780_085, (360,), 1973)])
def test_shape_and_number_of_trainable_weights(name, parameters, input_shape, classes):
    model = models.build(name)
    assert model.input_shape == (None, *input_shape)
    assert model.output_shape == (None, classes)
    assert len(flatten_weights(model)) == parameters


def test_trainable_variables_come_in_layer_order():
    names = [variable.name for variable in models.build("F1").trainable_variables]
    assert names == 5 * ["kernel", "bias", "gamma", "beta"] + ["kernel", "bias"]


def test_seed_decides_the_uniform_starting_point():
    first, again, other = (flatten_weights(models.build("F1", seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert np.mean(first == other) < 0.01
    kernel = models.build("F1", seed=3).trainable_variables[0].numpy()
    limit = (6 / (784 + 512)) ** 0.5
    assert 0.99 * limit < np.abs(kernel).max() <= limit
    assert np.var(kernel) == pytest.approx(limit**2 / 3, rel=0.01)


def test_kernels_of_one_network_differ():
    model = models.build("F1", input_shape=(512,))
    kernels = [v.numpy() for v in model.trainable_variables if v.name == "kernel"][:5]
    assert len({kernel.tobytes() for kernel in kernels}) == 5


def test_images_are_flattened_and_outputs_are_probabilities():
    model = models.build("F1", input_shape=(8, 8, 1), classes=4)
    outputs = model(np.random.default_rng(0).random((7, 8, 8, 1)), training=False).numpy()
    assert outputs.shape == (7, 4)
    assert outputs.sum(axis=1) == pytest.approx(np.ones(7), abs=1e-5)


def test_weights_survive_flattening():
    model = models.build("F1", input_shape=(3,), seed=1)
    x = flatten_weights(model)
    assign_weights(model, x + 1)
    assert flatten_weights(model) == pytest.approx(x + 1, abs=1e-6)


def test_unknown_network_is_named():
    with pytest.raises(ValueError, match="'F9'.*F1"):
        models.build("F9")
