"""Weights with the same outputs, and Metric 2.1 in boxes that do not change with their scale."""

import keras
import numpy as np
import pytest

import models
from replication import configuration
from replication.errors import UserError
from replication.sharpness import Objective, compute, invariance, measure_sharpness
from replication.weights import assign_weights, flatten_weights


@pytest.fixture(scope="module")
def data():
    generator = np.random.default_rng(0)
    return generator.random((80, 8, 8, 1), dtype=np.float32), generator.integers(10, size=80)


def f1(**options):
    """F1 with layers of 32 units."""
    layers = models.networks.Layers(statistics="batch", seeds=range(9), **options)
    model = models.networks.fully_connected("F1", layers, input_shape=(8, 8, 1), classes=10, hidden_layers=5, units=32)
    generator = np.random.default_rng(1)
    # As after training: other scales and shifts than 1 and 0.
    for v in model.trainable_variables:
        if len(v.shape) == 1:
            v.assign(v + 0.1 * generator.normal(size=v.shape))
    return model


@pytest.mark.parametrize("name, normalized, pairs", [
    ("F1", ["dense1", "dense2", "dense3", "dense4", "dense5"], [("normalization5", "softmax")]),
    ("C1", ["convolution1", "convolution2", "dense1", "dense2"],
     [("normalization1", "convolution2"), ("normalization2", "dense1"), ("normalization3", "dense2"),
      ("normalization4", "softmax")])])
def test_layers_are_found(name, normalized, pairs):
    model = models.build(name)
    assert [layer.name for layer in invariance.normalized_layers(model)] == normalized
    found = [(first.name, second.name) for first, second in invariance.homogeneous_pairs(model)]
    assert set(pairs) <= set(found) and found[-1] == pairs[-1]
    bare = models.build(name, normalized=False)
    assert invariance.normalized_layers(bare) == []
    assert [(a.name, b.name) for a, b in invariance.homogeneous_pairs(bare)] == list(zip(normalized, [
        *normalized[1:], "softmax"]))


@pytest.mark.parametrize("first, between, is_pair", [
    (keras.layers.BatchNormalization(), keras.layers.ReLU(), True),
    (keras.layers.BatchNormalization(scale=False), keras.layers.ReLU(), False),
    (keras.layers.BatchNormalization(), keras.layers.ReLU(max_value=6), False),
    (keras.layers.Dense(4), keras.layers.ReLU(negative_slope=0.1), True),
    (keras.layers.Dense(4, activation="relu"), keras.layers.Dropout(0.5), True),
    (keras.layers.Dense(4, activation="tanh"), keras.layers.Dropout(0.5), False)])
def test_pairs_are_those_whose_outputs_follow_in_proportion(first, between, is_pair):
    last = keras.layers.Dense(2)
    model = keras.Sequential([keras.Input((4,)), first, between, last])
    assert invariance.homogeneous_pairs(model) == ([(first, last)] if is_pair else [])


def test_a_layer_that_something_else_reads_too_is_not_normalized():
    inputs = keras.Input((4,))
    dense = keras.layers.Dense(4)
    x = dense(inputs)
    active = keras.layers.BatchNormalization()(keras.layers.Dense(4, activation="relu")(inputs))
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.Add()([
        keras.layers.BatchNormalization()(x), x, active]))
    assert invariance.normalized_layers(keras.Model(inputs, outputs)) == []


def test_a_layer_that_is_frozen_or_whose_output_is_the_models_too_is_not_normalized():
    inputs = keras.Input((4,))
    shown, frozen, plain = (keras.layers.Dense(4) for _ in range(3))
    x = shown(inputs)
    outputs = keras.layers.BatchNormalization()(plain(keras.layers.BatchNormalization()(frozen(
        keras.layers.BatchNormalization()(x)))))
    frozen.trainable = False
    assert invariance.normalized_layers(keras.Model(inputs, [x, outputs])) == [plain]


@pytest.mark.parametrize("bare", [False, True])
def test_outputs_stay_the_same(bare, data):
    model = f1(normalized=not bare, normalization_epsilon=1e-9)
    x, layers = flatten_weights(model), invariance.normalized_layers(model)
    before = model(data[0]).numpy()
    changes = [invariance.transfer_factors(*invariance.homogeneous_pairs(model)[-1], 3.0)]
    if layers:
        changes += [invariance.layer_factors(layers, [2.0, 0.5, 3.0, 1.0, 0.25]),
                    invariance.layer_factors(layers, [np.linspace(0.5, 2, 32)] * 5)]
    for factors in changes:
        moved = invariance.scaled(model, x, factors)
        assert np.linalg.norm(moved - x) > 1
        assign_weights(model, moved)
        # Float32's rounding; the outputs are probabilities.
        assert np.abs(model(data[0]).numpy() - before).max() < 1e-5
        assign_weights(model, x)


def test_normalized_weights_have_the_lengths_of_glorots_initialization(data):
    model = f1()
    x = flatten_weights(model)
    moved = invariance.normalized(model, invariance.scaled(model, x, invariance.layer_factors(
        invariance.normalized_layers(model), [5.0, 0.1, 1.0, 2.0, 7.0])))
    lengths = invariance.norms(model, moved, invariance.normalized_layers(model))
    assert lengths == pytest.approx([np.sqrt(2 * 64 * 32 / 96), *[np.sqrt(32)] * 4])
    assert np.abs(moved - invariance.normalized(model, x)).max() < 1e-12
    filters = invariance.filter_norms(model, moved, invariance.normalized_layers(model))
    assert [np.linalg.norm(each) for each in filters] == pytest.approx(lengths.tolist())


def test_metric_at_normalized_layers_does_not_change_with_their_scale(data):
    """As it is, it does by a factor."""
    model = f1()
    layers = invariance.normalized_layers(model)

    def measured(**options):
        return measure_sharpness(model, *data, epsilon=1e-3, iterations=4, **options).sharpness

    plain, normalized = measured(), measured(normalize="layers")
    before = flatten_weights(model)
    assign_weights(model, invariance.scaled(model, before, invariance.layer_factors(layers, [4.0] * 5)))
    assert measured() < 0.5 * plain
    assert measured(normalize="layers") == pytest.approx(normalized, rel=0.01)
    assert np.abs(flatten_weights(model) - invariance.scaled(
        model, before, invariance.layer_factors(layers, [4.0] * 5))).max() < 1e-6


def test_the_relative_box_is_that_of_the_formula():
    """f is linear in so small a box: the maximum is the sum of |g_i| epsilon |x_i|."""
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, activation="softmax", dtype="float64")])
    generator = np.random.default_rng(3)
    model.set_weights([generator.normal(size=(6, 3)), np.array([0.5, 0.0, -2.0])])
    inputs, labels = generator.normal(size=(50, 6)), generator.integers(3, size=50)
    objective = Objective(model, inputs, labels)
    loss, gradient = objective.value_and_gradient(objective.x)
    for box, half_widths in (("relative", np.abs(objective.x)), ("paper", np.abs(objective.x) + 1)):
        result = compute(objective, configuration.Sharpness(epsilon=1e-7, box=box))
        assert result.sharpness == pytest.approx(100 * 1e-7 * np.abs(gradient) @ half_widths / (1 + loss), rel=1e-4)


def test_the_relative_box_does_not_change_with_the_scale_of_a_layer(data):
    """Of a layer in front of a normalization alone: its own relative box scales with it."""
    model = f1()
    layer, = [each for each in invariance.normalized_layers(model) if each.name == "dense3"]

    def measured():
        return measure_sharpness(
            model, *data, epsilon=0.02, box="relative", variables="dense3/*", iterations=4).sharpness

    before = measured()
    assign_weights(model, invariance.scaled(model, flatten_weights(model), invariance.layer_factors([layer], [8.0])))
    assert measured() == pytest.approx(before, rel=0.01)


def test_what_cannot_be_normalized_is_refused(data):
    with pytest.raises(UserError, match="normalize='layers': expected none with statistics='moving'"):
        measure_sharpness(f1(), *data, normalize="layers", statistics="moving")
    with pytest.raises(UserError, match="normalize='layers': model .* has no trainable dense or convolutional layer"):
        measure_sharpness(f1(normalized=False), *data, normalize="layers")
    with pytest.raises(UserError, match="some of the weights only"):
        measure_sharpness(f1(), *data, normalize="layers", variables="dense1/*")
    zero = f1()
    zero.get_layer("dense2").kernel.assign(np.zeros((32, 32)))
    with pytest.raises(UserError, match="the kernel of layer 'dense2' is 0"):
        measure_sharpness(zero, *data, normalize="layers")
    with pytest.raises(UserError, match="box='cube': expected one of paper, relative"):
        measure_sharpness(f1(), *data, box="cube")


class _Residual(keras.layers.Dense):
    """Adds its inputs: its outputs do not scale with the kernel."""

    def call(self, inputs):
        return super().call(inputs) + inputs


def _normalized(layer):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), layer, keras.layers.BatchNormalization(), keras.layers.ReLU(),
                             keras.layers.Dense(3, activation="softmax")])


def test_layers_whose_outputs_are_another_function_are_not_normalized(data):
    inputs, labels = data[0].reshape(len(data[0]), -1)[:, :4], data[1] % 3
    with pytest.raises(UserError, match="has no trainable dense or convolutional layer"):
        measure_sharpness(_normalized(_Residual(4)), inputs, labels, normalize="layers")
    plain = _normalized(keras.layers.Dense(4))
    penalty = keras.layers.Dense(4, kernel_initializer=keras.initializers.Constant(5), kernel_regularizer="l2")
    penalized = _normalized(penalty)
    penalized.compile("sgd", "sparse_categorical_crossentropy")
    small = _normalized(keras.layers.Dense(4, kernel_initializer=keras.initializers.RandomUniform(-1e-4, 1e-4)))
    for model, loss in ((penalized, "compiled"), (small, None)):
        with pytest.raises(UserError, match="normalize='layers': f is .* with layers of other lengths"):
            measure_sharpness(model, inputs, labels, normalize="layers", loss=loss)
    assert measure_sharpness(plain, inputs, labels, normalize="layers", iterations=1).sharpness > 0


def test_each_layers_own_sharpness_is_that_of_its_variables(data):
    """One objective with the other coordinates fixed, or an objective of the layer's variables alone."""
    model = f1()
    result = measure_sharpness(model, *data, per_layer=True, iterations=3)
    inner = {f"{kind}{i}" for kind in ("dense", "normalization") for i in range(1, 6)}
    assert set(result.layers) == {*inner, "softmax"}
    for layer in ("dense4", "normalization2"):
        alone = measure_sharpness(model, *data, variables=f"{layer}/*", iterations=3).sharpness
        assert result.layers[layer] == pytest.approx(alone, rel=1e-3)
