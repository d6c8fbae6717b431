"""Table 1: shapes, sizes, order of weights, architectures and starting points."""

import functools

import keras
import numpy as np
import pytest

import models
from models.networks import SPECIFICATIONS
from replication import catalog
from replication.files import file_checksum
from replication.weights import assign_weights, flatten_weights

# Trainable weights n by network and architecture.
PARAMETERS = {
    ("F1", None): 1_462_794, ("F2", None): 2_780_085,
    ("C1", "released"): 1_757_834, ("C1", "text"): 283_274,
    ("C2", "released"): 14_991_946, ("C2", "text"): 14_991_946,
    ("C3", "released"): 1_775_204, ("C3", "text"): 300_644,
    ("C4", "released"): 15_038_116, ("C4", "text"): 15_038_116,
}
SHAPES = {"F1": ((784,), 10), "F2": ((360,), 1973), "C1": ((32, 32, 3), 10), "C2": ((32, 32, 3), 10),
          "C3": ((32, 32, 3), 100), "C4": ((32, 32, 3), 100)}
BLOCK = ["kernel", "bias", "gamma", "beta"]


def paper_network(name, architecture=None):
    """A network as the paper has it, built once; tests leave its weights alone."""
    # The default, see test_default_architecture_is_the_released_one.
    return _built(name, architecture or ("released" if name in ("C1", "C2", "C3", "C4") else None))


@functools.cache
def _built(name, architecture):
    return models.build(name, architecture=architecture)


def outputs_of(model, kind):
    """The shapes without the batch of what each layer of a kind returns, in order."""
    return [layer.output.shape[1:] for layer in model.layers if layer.name.rstrip("0123456789") == kind]


@pytest.mark.parametrize("name, architecture", PARAMETERS)
def test_shape_and_number_of_trainable_weights(name, architecture):
    model = paper_network(name, architecture)
    input_shape, classes = SHAPES[name]
    assert model.input_shape == (None, *input_shape)
    assert model.output_shape == (None, classes)
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == PARAMETERS[name, architecture]


def test_table_1_is_complete():
    assert set(models.NETWORKS) == set(SHAPES)


def test_the_catalog_says_the_same_of_each_network():
    # Other tests may have added networks of their own to both.
    added = set(models.BUILDERS) - set(models.NETWORKS)
    assert set(catalog.NETWORKS) - added == set(models.NETWORKS)
    for name, known in SPECIFICATIONS.items():
        network = catalog.NETWORKS[name]
        assert network.name == name
        assert network.input_shape == known.input_shape and network.classes == known.classes
        assert network.architectures == known.architectures and network.dropout == known.dropout
        has_dropout = any(isinstance(layer, keras.layers.Dropout) for layer in paper_network(name).layers)
        assert has_dropout == known.dropout


@pytest.mark.parametrize("name, blocks", [("F1", 5), ("F2", 7), ("C1", 4), ("C2", 14)])
def test_trainable_variables_come_in_layer_order(name, blocks):
    model = paper_network(name)
    names = [variable.name for variable in model.trainable_variables]
    assert names == blocks * BLOCK + ["kernel", "bias"]
    paths = [variable.path.split("/")[0] for variable in model.trainable_variables]
    numbers = [path for path in paths if path.startswith("normalization")][::2]
    assert numbers == [f"normalization{i}" for i in range(1, blocks + 1)]


@pytest.mark.parametrize("architecture, convolutions, pools", [
    ("released", [(32, 32, 64), (16, 16, 64)], [(16, 16, 64), (8, 8, 64)]),
    ("text", [(16, 16, 64), (4, 4, 64)], [(8, 8, 64), (2, 2, 64)]),
])
def test_stages_of_c1(architecture, convolutions, pools):
    model = paper_network("C1", architecture)
    assert outputs_of(model, "convolution") == convolutions
    assert outputs_of(model, "pool") == pools
    assert outputs_of(model, "dense") == [(384,), (192,)]


@pytest.mark.parametrize("architecture", ["released", "text"])
def test_stages_of_c2(architecture):
    model = paper_network("C2", architecture)
    assert outputs_of(model, "convolution") == [
        *2 * [(32, 32, 64)], *2 * [(16, 16, 128)], *3 * [(8, 8, 256)], *3 * [(4, 4, 512)], *3 * [(2, 2, 512)]]
    assert outputs_of(model, "pool") == [(16, 16, 64), (8, 8, 128), (4, 4, 256), (2, 2, 512), (1, 1, 512)]
    assert outputs_of(model, "dense") == [(512,)]


@pytest.mark.parametrize("name, architecture, expected", [
    ("C1", "released", [("relu3", 0.5), ("relu4", 0.5)]),
    ("C1", "text", [("relu3", 0.5), ("relu4", 0.5)]),
    ("C2", "released", [
        ("relu1", 0.3), ("relu3", 0.4), ("relu5", 0.4), ("relu6", 0.4), ("relu8", 0.4), ("relu9", 0.4),
        ("relu11", 0.4), ("relu12", 0.4), ("flatten", 0.5), ("relu14", 0.5)]),
    ("C2", "text", [("relu14", 0.5)]),
])
def test_rates_and_places_of_dropout(name, architecture, expected):
    layers = paper_network(name, architecture).layers
    assert [(before.name, layer.rate) for before, layer in zip(layers, layers[1:])
            if isinstance(layer, keras.layers.Dropout)] == expected


@pytest.mark.parametrize("name", ["C1", "C2"])
def test_a_stage_is_convolution_normalization_relu_pool(name):
    layers = paper_network(name).layers
    for i, layer in enumerate(layers):
        if isinstance(layer, keras.layers.Conv2D):
            assert [after.name.rstrip("0123456789") for after in layers[i + 1:i + 3]] == ["normalization", "relu"]
        if isinstance(layer, keras.layers.MaxPooling2D):
            assert layers[i - 1].name.startswith("relu")


@pytest.mark.parametrize("name", ["C1", "C3"])
def test_default_architecture_is_the_released_one(name):
    assert outputs_of(models.build(name), "pool") == outputs_of(paper_network(name, "released"), "pool")


@pytest.mark.parametrize("name, options", [("F1", {}), ("C1", {}), ("C3", {"architecture": "text"})])
def test_seed_decides_the_uniform_starting_point(name, options):
    first, again, other = (models.build(name, seed=seed, **options) for seed in (1, 1, 2))
    assert np.array_equal(flatten_weights(first), flatten_weights(again))
    for model in (first, other):
        for variable in model.trainable_variables:
            values = variable.numpy()
            if variable.name != "kernel":
                assert np.all(values == (1 if variable.name == "gamma" else 0))
                continue
            area = np.prod(values.shape[:-2])
            limit = np.float32((6 / (area * (values.shape[-2] + values.shape[-1]))) ** 0.5)
            assert 0.98 * limit < np.abs(values).max() <= limit
            assert np.var(values) == pytest.approx(limit**2 / 3, rel=0.1)
    kernels = [[v.numpy() for v in model.trainable_variables if v.name == "kernel"] for model in (first, other)]
    assert all(np.mean(a == b) < 0.01 for a, b in zip(*kernels))


@pytest.mark.parametrize("name, input_shape", [("F1", (512,)), ("C2", (2, 2, 64))])
def test_kernels_of_one_network_differ(name, input_shape):
    model = models.build(name, input_shape=input_shape)
    kernels = [v.numpy() for v in model.trainable_variables if v.name == "kernel"]
    assert len({kernel.tobytes()[:1000] for kernel in kernels}) == len(kernels)


def test_architectures_share_the_kernels_of_equal_shape():
    released, text = ([v.numpy() for v in paper_network("C1", name).trainable_variables]
                      for name in ("released", "text"))
    assert all(np.array_equal(a, b) for a, b in zip(released, text) if a.shape == b.shape)


def test_equal_seeds_make_equal_files(tmp_path):
    for name in ("first", "again"):
        models.build("C1", architecture="text", seed=5).save_weights(tmp_path / f"{name}.weights.h5")
    assert file_checksum(tmp_path / "first.weights.h5") == file_checksum(tmp_path / "again.weights.h5")


def test_dropout_is_seeded_on_in_training_and_off_in_evaluation():
    images = np.random.default_rng(0).random((20, 32, 32, 3)).astype("float32")
    first, again, other = (models.build("C1", architecture="text", seed=seed) for seed in (1, 1, 2))
    other.set_weights(first.get_weights())
    trained = [np.asarray(model(images, training=True)) for model in (first, again, other)]
    assert np.array_equal(trained[0], trained[1])
    assert not np.array_equal(trained[0], trained[2])
    assert not np.array_equal(first(images, training=True), trained[0]), "each call draws another mask"
    assert np.array_equal(first(images, training=False), first(images, training=False))
    assert np.array_equal(first(images, training=False), other(images, training=False))


@pytest.mark.parametrize("name, options", [
    ("C1", {"architecture": "text"}), ("C1", {"architecture": "released", "input_shape": (16, 16, 3)}),
    ("C2", {"architecture": "text", "input_shape": (8, 8, 3)}),
])
def test_batch_statistics_evaluate_as_keras_trains(name, options):
    batch, moving = (models.build(name, statistics=mode, seed=1, **options) for mode in ("batch", "moving"))
    images = np.random.default_rng(0).random((16, *batch.input_shape[1:])).astype("float32")
    for model in (batch, moving):
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
    evaluated = np.asarray(batch(images, training=False))
    averages = [v.numpy() for v in batch.non_trainable_variables]
    assert np.allclose(evaluated, moving(images, training=True), atol=1e-5)
    assert not np.allclose(evaluated, moving(images, training=False), atol=1e-3)
    assert all(np.array_equal(a, v) for a, v in zip(averages, batch.non_trainable_variables))


@pytest.mark.parametrize("statistics", ["batch", "moving"])
def test_convolutional_network_survives_a_file(tmp_path, statistics):
    images = np.random.default_rng(0).random((8, 32, 32, 3)).astype("float32")
    model = models.build("C1", architecture="text", statistics=statistics, seed=3)
    model(images, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert np.array_equal(loaded(images, training=False), model(images, training=False))
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]


@pytest.mark.parametrize("name", ["F1", "C1", "C2"])
def test_other_images_are_taken_and_outputs_are_probabilities(name):
    model = models.build(name, input_shape=(8, 8, 1), classes=4)
    outputs = model(np.random.default_rng(0).random((7, 8, 8, 1)), training=False).numpy()
    assert outputs.shape == (7, 4)
    assert outputs.sum(axis=1) == pytest.approx(np.ones(7), abs=1e-5)


def test_an_added_network_gets_what_it_is_given(monkeypatch):
    def one_layer(name, layers, *, input_shape, classes, architecture="plain"):
        inputs = keras.Input(input_shape, name="inputs")
        return keras.Model(inputs, layers.softmax(inputs, classes), name=f"{name}-{architecture}")

    monkeypatch.setitem(models.BUILDERS, "W1", one_layer)
    assert models.build("W1", input_shape=(3,), classes=2).output_shape == (None, 2)
    assert models.build("W1", input_shape=[3], classes=2, architecture="other", dropout=0.5).name == "W1-other"
    for options, message in (({"classes": 2}, "input_shape=None: expected a shape, W1 has no default"),
                             ({"input_shape": (3,)}, "classes=None: expected a number, W1 has no default")):
        with pytest.raises(ValueError, match=message):
            models.build("W1", **options)


def test_weights_survive_flattening():
    model = models.build("F1", input_shape=(3,), seed=1)
    x = flatten_weights(model)
    assign_weights(model, x + 1)
    assert np.abs(flatten_weights(model) - (x + 1)).max() < 1e-6


@pytest.mark.parametrize("name, options, message", [
    ("F9", {}, "'F9'.*F1"),
    ("F1", {"dropout": 0.5}, "dropout=0.5: expected none, F1 has no dropout"),
    ("C1", {"dropout": 1.0}, r"dropout=1.0: expected a number in \[0, 1\)"),
    ("F1", {"architecture": "released"}, "architecture='released': expected none, F1 has only one"),
    ("F2", {"architecture": "text"}, "architecture='text': expected none, F2 has only one"),
    ("C1", {"architecture": "vgg"}, "architecture='vgg': expected one of released, text"),
    ("C3", {"input_shape": (784,)}, r"input_shape=\(784,\): expected height, width and channels .*C3"),
])
def test_bad_choices_are_named(name, options, message):
    with pytest.raises(ValueError, match=message) as raised:
        models.build(name, **options)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name, limit", [
    ("glorot_uniform", lambda fan_in, fan_out: (6 / (fan_in + fan_out)) ** 0.5), ("uniform_0.05", lambda *_: 0.05),
    ("he_uniform", lambda fan_in, _: (6 / fan_in) ** 0.5)])
def test_initial_kernels_are_uniform_in_their_limits(name, limit):
    for variable in models.build("F1", kernel_initializer=name).trainable_variables:
        if variable.path.endswith("kernel"):
            largest = limit(*variable.shape)
            values = np.array(variable)
            assert np.abs(values).max() == pytest.approx(largest, rel=5e-3)
            assert values.std() == pytest.approx(largest / 3 ** 0.5, rel=0.02)


def test_normalizations_take_the_epsilon():
    layers = models.build("C1", normalization_epsilon=1e-5).layers
    assert {layer.epsilon for layer in layers if isinstance(layer, keras.layers.BatchNormalization)} == {1e-5}
    with pytest.raises(ValueError, match="kernel_initializer='normal': expected one of glorot_uniform"):
        models.build("F1", kernel_initializer="normal")
