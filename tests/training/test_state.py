"""The state that an interrupted run resumes from."""

import keras
import numpy as np
import pytest

import models
from replication.errors import UserError
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
    saving.on_epoch_end(0, {"loss": 0.5})
    assert state.restore(tmp_path / "state.npz", resumed) == ([{"epoch": 1}], [])
    expected = keras.ops.convert_to_numpy(model(images, training=True))
    assert np.array_equal(resumed(images, training=True), expected)


def test_an_archive_that_asks_for_a_compression_that_nobody_knows(tmp_path):
    model, path = _compiled(seed=0), tmp_path / "state.npz"
    saving = state.SaveState(path, [{"epoch": 1}])
    saving.set_model(model)
    saving.on_epoch_end(0, {"loss": 0.5})
    content = bytearray(path.read_bytes())
    # The method of the first entry of the archive's directory.
    content[content.index(b"PK\x01\x02") + 10] ^= 0x40
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        state.restore(path, model)
