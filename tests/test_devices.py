"""Arrays become tensors with the same values, in the same memory if possible."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from replication import devices

_STATUS = pathlib.Path("/proc/self/status")


def _cached(tmp_path):
    path = tmp_path / "array.npy"
    np.save(path, np.arange(1 << 25, dtype=np.float32).reshape(-1, 64))
    array = np.load(path, mmap_mode="c").view()
    array.flags.writeable = False
    return array


def test_a_memory_map_is_not_copied(tmp_path):
    if not _STATUS.exists():
        pytest.skip("the system has no /proc")
    array = _cached(tmp_path)
    before = _anonymous()
    tensor = devices.as_tensor(array)
    assert float(tensor[-1, -1]) == array[-1, -1]
    assert _anonymous() - before < array.nbytes / 4


@pytest.mark.parametrize("offset", [0, 1])
def test_any_array_arrives(offset):
    array = np.arange(offset, 4096 + offset, dtype=np.float32)[offset:]
    np.testing.assert_array_equal(tf.reduce_sum(devices.as_tensor(array)), array.sum())
    np.testing.assert_array_equal(devices.as_tensor(array[::2]), array[::2])


def test_the_array_stays_read_only(tmp_path):
    array = _cached(tmp_path)
    devices.as_tensor(array)
    assert not array.flags.writeable


@pytest.mark.parametrize("error", [
    tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"),
    tf.errors.InternalError(None, None, "Failed copying input tensor: Dst tensor is not initialized.")])
def test_an_array_without_room_on_the_gpu_stays_with_the_host(monkeypatch, error):
    array = np.arange(10, dtype=np.float32)[::2]
    convert, calls = tf.convert_to_tensor, []

    def full(value):
        calls.append(value)
        if len(calls) == 1:
            raise error
        return convert(value)

    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["a GPU"])
    monkeypatch.setattr(tf, "convert_to_tensor", full)
    np.testing.assert_array_equal(devices.as_tensor(array), array)


def test_other_errors_of_a_gpu_stay(monkeypatch):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["a GPU"])
    monkeypatch.setattr(tf, "convert_to_tensor", lambda value: (_ for _ in ()).throw(
        tf.errors.InternalError(None, None, "a bug")))
    with pytest.raises(tf.errors.InternalError):
        devices.as_tensor(np.zeros(3))


def _anonymous():
    for line in _STATUS.read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    return 0
