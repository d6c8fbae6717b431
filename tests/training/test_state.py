"""The state that an interrupted run resumes from."""

import keras
import numpy as np

import models
from replication.training import state


def _compiled(seed):
    model = models.build("C1", architecture="text", input_shape=(8, 8, 1), seed=seed)
    model.compile("adam", loss="sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    return model


def test_dropout_goes_on_in_its_sequence(tmp_path):
    images = np.random.default_rng(0).random((20, 8, 8, 1)).astype("float32")
    model, resumed = _compiled(seed=0), _compiled(seed=1)
    model(images, training=True)
    saving = state.SaveState(tmp_path / "state.npz", [{"epoch": 1}])
    saving.set_model(model)
    saving.on_epoch_end(0)
    assert state.restore(tmp_path / "state.npz", resumed) == [{"epoch": 1}]
    expected = keras.ops.convert_to_numpy(model(images, training=True))
    assert np.array_equal(resumed(images, training=True), expected)
