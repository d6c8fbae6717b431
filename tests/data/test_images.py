"""Image data sets are read from TFDS's files or the cache of arrays; damage in either is named."""

import importlib.util
import json
import logging
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from replication import catalog, data, files
from replication.data import cache, images
from replication.errors import MissingDataError, UserError

ROOT = pathlib.Path(__file__).parents[2]
ARRAYS = ("train_inputs.npy", "train_labels.npy", "test_inputs.npy", "test_labels.npy")


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("dataset, shape", [
    ("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3)), ("cifar100", (32, 32, 3)),
])
def test_reading_keeps_inputs_and_labels_together(data_dir, dataset, shape):
    loaded = data.load(dataset, data_dir)
    assert loaded.train_inputs.shape == (40, *shape) and loaded.test_inputs.shape == (20, *shape)
    assert loaded.train_inputs.dtype == np.float32 and loaded.train_labels.dtype == np.int32
    for inputs, labels, first in ((loaded.train_inputs, loaded.train_labels, 0),
                                  (loaded.test_inputs, loaded.test_labels, 100)):
        numbers = np.rint(inputs[:, 0, 0, 0] * 255).astype(int)
        levels = numbers[:, None, None, None] + np.arange(shape[-1])
        np.testing.assert_array_equal(inputs, np.broadcast_to((levels / 255).astype(np.float32), inputs.shape))
        np.testing.assert_array_equal(labels, numbers % 10)
        assert sorted(numbers) == list(range(first, first + len(labels)))


def test_second_load_maps_the_same_arrays(data_dir):
    decoded, mapped = data.load("mnist", data_dir), data.load("mnist", data_dir)
    assert not isinstance(decoded.train_inputs, np.memmap)
    for before, after in zip(decoded.arrays, mapped.arrays, strict=True):
        assert isinstance(after, np.memmap) and not after.flags.writeable
        np.testing.assert_array_equal(before, after)
    assert decoded.to_json() == mapped.to_json()


def test_an_empty_folder_is_not_the_default_one():
    with pytest.raises(UserError, match="data_dir='': expected the folder of TFDS's data sets"):
        data.load("mnist", "")


def test_decoding_again_gives_the_same_fingerprint(data_dir):
    first = data.load("mnist", data_dir).fingerprint
    (data_dir / "mnist/3.0.1-arrays/arrays.json").unlink()
    assert data.load("mnist", data_dir).fingerprint == first


def test_second_load_imports_neither_tensorflow_nor_tfds(data_dir):
    data.load("mnist", data_dir)
    script = """
import sys
from replication import catalog, data
catalog.DATASETS["mnist"] = catalog.Dataset(40, 20, (28, 28, 1), 10)
print(data.load("mnist", sys.argv[1]).fingerprint)
assert not {"tensorflow", "tensorflow_datasets", "keras"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script, data_dir], check=True, cwd=ROOT, capture_output=True)


def test_tfds_still_finds_its_version_beside_the_cache(data_dir):
    import tensorflow_datasets as tfds

    data.load("mnist", data_dir)
    assert tfds.builder("mnist", data_dir=data_dir).data_path.name == "3.0.1"
    assert tfds.builder("mnist:3.*.*", data_dir=data_dir).data_path.name == "3.0.1"


@pytest.mark.parametrize("file", ARRAYS)
@pytest.mark.parametrize("damage", [
    lambda path: flip(path, path.stat().st_size - 1),
    lambda path: flip(path, 20),
    lambda path: os.truncate(path, path.stat().st_size - 1),
    lambda path: os.truncate(path, 0),
    lambda path: path.unlink(),
], ids=["byte", "header", "truncated", "empty", "missing"])
def test_damaged_cache_is_named(data_dir, file, damage):
    data.load("mnist", data_dir)
    folder = data_dir / "mnist/3.0.1-arrays"
    damage(folder / file)
    with pytest.raises(UserError, match="remove the folder") as raised:
        data.load("mnist", data_dir)
    assert str(raised.value).startswith(f"{folder / file}: damaged")


def test_damaged_fingerprint_is_noticed(data_dir):
    data.load("mnist", data_dir)
    path = data_dir / "mnist/3.0.1-arrays/arrays.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "fingerprint": "0" * 64}))
    with pytest.raises(UserError, match="arrays.json: damaged"):
        data.load("mnist", data_dir)


def test_arrays_without_a_summary_are_not_a_cache(tmp_path):
    (tmp_path / ARRAYS[0]).write_bytes(b"half")
    assert cache.read(tmp_path, "mnist") is None


def test_without_room_for_a_cache_the_data_are_decoded(data_dir, caplog):
    (data_dir / "mnist/3.0.1-arrays").write_text("not a folder")
    with caplog.at_level(logging.WARNING, logger="absl"):
        first, second = data.load("mnist", data_dir), data.load("mnist", data_dir)
    assert first.fingerprint == second.fingerprint
    assert "cannot be kept there" in caplog.text


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("length", [0, 1000])
def test_truncated_cifar_is_named(data_dir, dataset, split, length):
    os.truncate(data_dir / dataset / "3.0.2" / f"{dataset}-{split}.tfrecord-00000-of-00001", length)
    with pytest.raises(UserError, match=f"remove the folder and run `python .*--dataset={dataset} ") as raised:
        data.load(dataset, data_dir)
    assert str(raised.value).startswith(f"{data_dir}/{dataset}/3.0.2: damaged")
    assert "\n" not in str(raised.value)


def test_versions_are_those_that_tfds_prepares():
    import tensorflow_datasets as tfds

    for name in images.TFDS_NAMES.values():
        dataset, _, version = name.partition(":")
        assert str(tfds.builder_cls(dataset).VERSION) == version


@pytest.mark.parametrize("file, damage", [
    ("mnist-train.tfrecord-00000-of-00001", lambda path: flip(path, 1000)),
    ("mnist-train.tfrecord-00000-of-00001", lambda path: os.truncate(path, 1000)),
    ("mnist-test.tfrecord-00000-of-00001", lambda path: os.truncate(path, 0)),
    ("mnist-test.tfrecord-00000-of-00001", lambda path: path.unlink()),
    ("dataset_info.json", lambda path: os.truncate(path, 100)),
    ("features.json", lambda path: os.truncate(path, 100)),
], ids=["byte", "truncated", "empty", "missing", "info", "features"])
def test_damaged_tfds_data_is_named(data_dir, file, damage):
    damage(data_dir / "mnist/3.0.1" / file)
    with pytest.raises(UserError, match="remove the folder and run `python -m rep") as raised:
        data.load("mnist", data_dir)
    assert str(raised.value).startswith(f"{data_dir}/mnist/3.0.1: damaged")
    assert "\n" not in str(raised.value)
    assert not (data_dir / "mnist/3.0.1-arrays").exists()


def test_incomplete_tfds_folder_is_named(data_dir):
    (data_dir / "mnist/3.0.1/dataset_info.json").unlink()
    for use in (data.load, data.prepare):
        with pytest.raises(UserError, match="3.0.1: incomplete .* remove the folder"):
            use("mnist", data_dir)


def test_missing_data_name_the_command(tmp_path):
    with pytest.raises(MissingDataError) as raised:
        data.load("mnist", tmp_path / "none")
    command = f"`python -m replication.prepare_data --dataset=mnist --data_dir={tmp_path}/none`"
    assert command in str(raised.value)
    assert not (tmp_path / "none").exists()


def test_a_file_as_data_dir_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="^data_dir=.*/file: a file; give the folder"):
        data.load("mnist", tmp_path / "file")


def test_default_folder_is_that_of_tfds(monkeypatch, tmp_path):
    from tensorflow_datasets.core import constants

    monkeypatch.setenv("HOME", str(tmp_path))
    for value in (None, str(tmp_path / "elsewhere")):
        if value:
            monkeypatch.setenv("TFDS_DATA_DIR", value)
        else:
            monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
        assert str(images.resolve_data_dir()) == constants.get_default_data_dir()
    assert images.resolve_data_dir("~/sets") == tmp_path / "sets"


def load_real(dataset):
    folder = os.environ.get("REPLICATION_DATA_DIR")
    if not folder or not images.is_prepared(dataset, folder):
        pytest.skip(f"set REPLICATION_DATA_DIR to a folder where TFDS has prepared {dataset}")
    return data.load(dataset, folder)


@pytest.mark.parametrize("dataset, training_set, mean", [
    ("cifar10", "234ed6bed613b6f10e90ee5620387bbc3957d23e9536e7e5f8c700480e36ff3e", (0.4914, 0.4822, 0.4465)),
    ("cifar100", "112b49c31c2f6d8a646db518e7fd6734d5c6e991ae37163a642f70ee2ae37d26", (0.5071, 0.4865, 0.4409)),
])
def test_cifar_itself(dataset, training_set, mean):
    loaded = load_real(dataset)
    assert files.array_checksum(loaded.train_inputs, loaded.train_labels) == training_set
    classes = catalog.DATASETS[dataset].classes
    assert np.bincount(loaded.train_labels).tolist() == classes * [50_000 // classes]
    assert np.bincount(loaded.test_labels).tolist() == classes * [10_000 // classes]
    assert loaded.train_inputs.min() == 0 and loaded.train_inputs.max() == 1
    assert loaded.train_inputs.mean(axis=(0, 1, 2), dtype=float) == pytest.approx(mean, abs=1e-4)


def test_mnist_itself():
    loaded = load_real("mnist")
    assert loaded.to_json() == {
        "name": "mnist", "training_size": 60_000, "test_size": 10_000,
        "fingerprint": "4e99b47a1a4169e6dc74b8b18d64410b9c06670a7df4eb90bad6aa68cfe9aace"}
    assert np.bincount(loaded.train_labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(loaded.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert loaded.train_inputs.max() == 1 and abs(loaded.train_inputs.mean() - 0.1307) < 1e-4


def test_tfds_finds_a_package_that_it_does_not_declare():
    assert importlib.util.find_spec("importlib_resources")
