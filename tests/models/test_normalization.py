"""Keras 1's mode=2 beside Keras's own batch normalization."""

import keras
import numpy as np
import pytest

from models import BatchNormalization
from models.normalization import normalization_statistics


def _inputs(rows=32):
    return np.random.default_rng(0).normal(3.0, 2.0, size=(rows, 4)).astype("float32")


def test_batch_mode_evaluates_as_keras_trains():
    inputs = _inputs()
    expected = keras.layers.BatchNormalization()(inputs, training=True)
    layer = BatchNormalization(statistics="batch")
    layer.build(inputs.shape)
    assert np.array_equal(layer(inputs, training=False), expected)
    assert np.array_equal(layer.moving_mean.numpy(), np.zeros(4)), "evaluation leaves the averages alone"


def test_moving_mode_is_keras_own_layer():
    inputs = _inputs()
    ours, theirs = BatchNormalization(statistics="moving"), keras.layers.BatchNormalization()
    for training in (True, True, False):
        assert np.array_equal(ours(inputs, training=training), theirs(inputs, training=training))


@pytest.mark.parametrize("statistics", ["batch", "moving"])
def test_training_keeps_moving_averages_in_either_mode(statistics):
    inputs = _inputs()
    layer, reference = BatchNormalization(statistics=statistics), keras.layers.BatchNormalization()
    layer(inputs, training=True), reference(inputs, training=True)
    assert np.array_equal(layer.moving_mean.numpy(), reference.moving_mean.numpy())
    assert np.array_equal(layer.moving_variance.numpy(), reference.moving_variance.numpy())


def test_a_frozen_layer_of_batch_mode_uses_the_batch_in_training_too():
    layer, inputs = BatchNormalization(), _inputs()
    evaluated = layer(inputs, training=False)
    layer.trainable = False
    assert np.array_equal(layer(inputs, training=True), evaluated)
    assert np.allclose(layer.moving_mean, 0)


def test_a_mask_on_several_devices_is_refused():
    """Keras normalizes each device's part by itself then."""
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.Masking(), BatchNormalization()])
    with normalization_statistics(model, "batch", synchronized=True), pytest.raises(ValueError, match="one device"):
        model(np.ones((3, 4, 2)), training=True)


def test_dropout_is_off_in_evaluation():
    model = keras.Sequential([keras.Input((4,)), BatchNormalization(), keras.layers.Dropout(0.5)])
    first, second = model(_inputs(), training=False), model(_inputs(), training=False)
    assert np.array_equal(first, second)
    assert not np.any(np.asarray(first) == 0)


def test_normalizes_images_over_all_but_the_channels():
    images = np.random.default_rng(0).normal(size=(5, 6, 6, 3)).astype("float32")
    outputs = np.asarray(BatchNormalization()(images, training=False))
    assert outputs.mean(axis=(0, 1, 2)) == pytest.approx(np.zeros(3), abs=1e-5)
    assert outputs.std(axis=(0, 1, 2)) == pytest.approx(np.ones(3), abs=1e-2)


def test_is_saved_with_its_mode(tmp_path):
    model = keras.Sequential([keras.Input((4,)), BatchNormalization(statistics="batch", momentum=0.5)])
    model(_inputs(), training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.layers[0].statistics == "batch"
    assert loaded.layers[0].momentum == 0.5
    assert np.array_equal(loaded(_inputs(), training=False), model(_inputs(), training=False))


def test_unknown_mode_is_named():
    with pytest.raises(ValueError, match="statistics='mean'.*batch, moving"):
        BatchNormalization(statistics="mean")
