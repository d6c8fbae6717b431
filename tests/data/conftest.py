"""A tiny data set in TFDS's own format, under the name and version of MNIST."""

import shutil

import numpy as np
import pytest

from replication import configuration

TRAINING_SIZE, TEST_SIZE = 40, 20


@pytest.fixture(scope="session")
def tiny_tfds(tmp_path_factory):
    """A TFDS folder whose example i has all pixels equal to i and the label i % 10."""
    import tensorflow_datasets as tfds

    class Mnist(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("3.0.1")

        def _info(self):
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({
                "image": tfds.features.Image(shape=(28, 28, 1)),
                "label": tfds.features.ClassLabel(num_classes=10),
            }))

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(0, TRAINING_SIZE),
                    "test": self._generate_examples(100, TEST_SIZE)}

        def _generate_examples(self, first, size):
            for i in range(first, first + size):
                yield i, {"image": np.full((28, 28, 1), i, np.uint8), "label": i % 10}

    folder = tmp_path_factory.mktemp("tfds")
    Mnist(data_dir=folder).download_and_prepare()
    return folder


@pytest.fixture
def data_dir(tiny_tfds, tmp_path, monkeypatch):
    """A private copy of the tiny data set, with `configuration.DATASETS` to match."""
    shutil.copytree(tiny_tfds / "mnist", tmp_path / "mnist")
    monkeypatch.setitem(configuration.DATASETS, "mnist", configuration.Dataset(
        training_size=TRAINING_SIZE, test_size=TEST_SIZE, input_shape=(28, 28, 1), classes=10))
    return tmp_path
