"""Tiny data sets in TFDS's format, with the names and versions of the real ones."""

import dataclasses
import shutil

import numpy as np
import pytest

from replication import catalog
from replication.data import images

TRAINING_SIZE, TEST_SIZE = 40, 20


def pixels(dataset, i):
    """Returns image i, in which every pixel of channel c is i + c."""
    shape = catalog.DATASETS[dataset].input_shape
    return np.broadcast_to(np.arange(i, i + shape[-1]), shape).astype(np.uint8)


def _build(dataset, folder):
    import tensorflow_datasets as tfds

    name, version = images.TFDS_NAMES[dataset].split(":")

    def info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({
            "coarse_label": tfds.features.ClassLabel(num_classes=2),
            "image": tfds.features.Image(shape=catalog.DATASETS[dataset].input_shape),
            "label": tfds.features.ClassLabel(num_classes=catalog.DATASETS[dataset].classes),
        }))

    def split_generators(self, dl_manager):
        return {"train": examples(0, TRAINING_SIZE), "test": examples(100, TEST_SIZE)}

    def examples(first, size):
        for i in range(first, first + size):
            yield i, {"image": pixels(dataset, i), "label": i % 10, "coarse_label": 0}

    # TFDS names a builder after its class.
    builder = type(name.capitalize(), (tfds.core.GeneratorBasedBuilder,), {
        "__module__": __name__, "VERSION": tfds.core.Version(version), "_info": info,
        "_split_generators": split_generators, "_generate_examples": examples}, skip_registration=True)
    builder(data_dir=folder).download_and_prepare()


@pytest.fixture(scope="session")
def tiny_tfds(tmp_path_factory):
    """A TFDS folder with all image data sets; example i has the image `pixels(dataset, i)` and the label i % 10."""
    folder = tmp_path_factory.mktemp("tfds")
    for dataset in images.TFDS_NAMES:
        _build(dataset, folder)
    return folder


@pytest.fixture
def data_dir(tiny_tfds, tmp_path, monkeypatch):
    """A private copy of the tiny data sets, with matching sizes in `catalog.DATASETS`."""
    for dataset in images.TFDS_NAMES:
        shutil.copytree(tiny_tfds / dataset, tmp_path / dataset)
        monkeypatch.setitem(catalog.DATASETS, dataset, dataclasses.replace(
            catalog.DATASETS[dataset], training_size=TRAINING_SIZE, test_size=TEST_SIZE))
    return tmp_path
