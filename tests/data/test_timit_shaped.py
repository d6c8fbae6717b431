"""The synthetic data set repeats bit for bit and is as hard to classify as its docstring says."""

import errno
import itertools
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from replication import catalog, data
from replication.data import timit, timit_shaped
from replication.errors import UserError
from tests.scripts import succeed

# The 64.7 % of the docstring of `timit_shaped`.
TEACHER_ACCURACY = 0.647


def frames(split, size):
    """The features and labels of the first `size` frames."""
    features, labels = zip(*timit_shaped.utterances(split, size))
    return np.concatenate(features), np.concatenate(labels)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shaped")
    data.prepare("timit_shaped", folder, frames=2000)
    return folder


def test_sizes_and_shapes(data_dir):
    loaded = data.load("timit_shaped", data_dir)
    assert loaded.train_inputs.shape == (1398, 360) and loaded.test_inputs.shape == (602, 360)
    assert all(isinstance(array, np.memmap) for array in loaded.arrays)
    assert data.describe("timit_shaped", data_dir) == loaded.resolved
    assert loaded.resolved.classes == 1973


def test_files_of_a_killed_preparation_are_removed(tmp_path):
    data.prepare("timit_shaped", tmp_path, frames=100)
    folder = next(tmp_path.rglob("arrays.json")).parent
    (folder / ".partial-x-train_inputs.npy").touch()
    data.prepare("timit_shaped", tmp_path, frames=200)
    assert not list(tmp_path.rglob(".partial-*"))


def test_a_disk_that_fails_at_the_end_of_a_preparation_leaves_the_old_data(tmp_path, monkeypatch):
    data.prepare("timit_shaped", tmp_path, frames=100)
    before, calls = data.load("timit_shaped", tmp_path).fingerprint, itertools.count(1)

    def fail_at_last(descriptor):
        if next(calls) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail_at_last)
    with pytest.raises((OSError, UserError)):
        data.prepare("timit_shaped", tmp_path, frames=200)
    assert data.load("timit_shaped", tmp_path).fingerprint == before


def test_records_say_that_it_is_synthetic(data_dir):
    assert data.load("timit_shaped", data_dir).to_json()["synthetic"] is True
    assert catalog.dataset_label("timit_shaped") == "timit_shaped (synthetic)"
    assert catalog.dataset_label("timit") == "timit"
    assert data.prepare("timit_shaped", data_dir).startswith("timit_shaped (synthetic): already prepared")


def test_it_repeats_bit_for_bit_in_another_process(data_dir, tmp_path):
    succeed("prepare_data", "--dataset=timit_shaped", "--frames=2000", f"--data_dir={tmp_path}")
    assert data.load("timit_shaped", tmp_path).fingerprint == data.load("timit_shaped", data_dir).fingerprint


def test_small_sets_are_those_of_every_version(data_dir):
    # Runs and results refer to the data set by its fingerprint; another one needs a reason and a note to users.
    assert data.load("timit_shaped", data_dir).fingerprint == (
        "dc1018ff5edda056e0ad990d9cd8f7c56aa1d7c9f4add701e1f6cb2027d3707b")


# The rotation and a product before they are rounded to float32, so that few frames are as telling as a whole set.
_HASHES = """
import hashlib
import numpy as np
from replication.data import timit_shaped
_, _, rotation = timit_shaped._process()
arrays = [rotation, timit_shaped._multiply(np.random.default_rng(0).standard_normal((500, 40)), rotation)]
for utterance in timit_shaped.utterances("training", 20_000):
    arrays += utterance
print(hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest())
"""


def test_processors_agree_on_every_bit():
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("OpenBLAS takes these names of kernels on x86-64 only")
    hashes = {subprocess.run([sys.executable, "-c", _HASHES], check=True, capture_output=True, text=True,
                             env={**os.environ, "OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": "1"}).stdout
              for kernel in ("Haswell", "Nehalem")}
    assert len(hashes) == 1


def test_inputs_are_the_spliced_frames_of_the_generator(data_dir):
    loaded = data.load("timit_shaped", data_dir)
    features, labels = frames("test", 602)
    np.testing.assert_array_equal(loaded.test_inputs[:, 160:200], features)
    np.testing.assert_array_equal(loaded.test_labels, labels)


def test_smaller_sets_begin_larger_ones():
    small, large = frames("training", 1000), frames("training", 3000)
    for few, many in zip(small, large):
        np.testing.assert_array_equal(few, many[:1000])
    assert not np.array_equal(frames("test", 1000)[1], small[1])


def test_sizes_are_chosen_or_kept(data_dir, tmp_path):
    assert "699 training frames, 301 test" in data.prepare("timit_shaped", tmp_path, frames=1000)
    assert "already prepared" in data.prepare("timit_shaped", tmp_path)
    assert "1,398 training frames" in data.prepare("timit_shaped", tmp_path, frames=2000)
    for size in (0, 99, 1_031_951):
        with pytest.raises(UserError, match=f"--frames={size}: expected a whole number from 100 to 1031950"):
            data.prepare("timit_shaped", tmp_path, frames=size)


def test_frames_and_labels_are_correlated():
    features, labels = frames("training", 20_000)
    correlation = [np.corrcoef(column[:-1], column[1:])[0, 1] for column in features.T]
    # The module's docstring says 0.63 within utterances; their edges change it slightly.
    assert np.mean(correlation) == pytest.approx(0.64, abs=0.04)
    assert np.mean(labels[1:] == labels[:-1]) == pytest.approx(2 / 3, abs=0.02)


def test_classes_are_unbalanced_as_documented():
    _, labels = frames("training", 200_000)
    counts = np.sort(np.bincount(labels, minlength=1973))
    assert labels.min() >= 0 and labels.max() <= 1972
    assert counts[-1] / len(labels) == pytest.approx(0.0187, abs=0.003)
    assert counts[-1] > 20 * np.median(counts)


def teacher(features):
    """Returns the most probable label of each frame given its input, the frames up to four away.

    Args:
        features: float32 [T, 40], the frames of one utterance.

    Returns:
        int64 [T].
    """
    prior, _, _ = timit_shaped._process()
    likelihood, stay = likelihoods(features), timit_shaped._STAY
    forward, backward = np.broadcast_to(prior, likelihood.shape), np.ones_like(likelihood)
    for _ in range(timit.CONTEXT):
        # Beyond the ends of the utterance there are no frames to learn from.
        before, after = forward * likelihood, backward * likelihood
        before /= before.sum(axis=1, keepdims=True)
        forward = np.concatenate([prior[None], stay * before[:-1] + (1 - stay) * prior])
        after /= (after @ prior)[:, None]
        backward = np.concatenate([stay * after[1:] + (1 - stay), np.ones((1, len(prior)))])
    return np.argmax(forward * likelihood * backward, axis=1)


def likelihoods(features):
    """Returns p(frame | state) up to a factor for each frame, float64 [T, classes]."""
    _, means, rotation = timit_shaped._process()
    informative = (features.astype(np.float64) @ rotation.T)[:, :means.shape[1]]
    logarithm = informative @ means.T - (means ** 2).sum(axis=1) / 2
    return np.exp(logarithm - logarithm.max(axis=1, keepdims=True))


def test_accuracy_of_the_teacher_is_the_documented_one():
    size, right = 12_000, 0
    for features, labels in timit_shaped.utterances("test", size):
        right += int((teacher(features) == labels).sum())
    # About four binomial deviations; the three frames of a state on average count as one.
    assert right / size == pytest.approx(TEACHER_ACCURACY, abs=4 * np.sqrt(3 * 0.25 / size))


def test_teacher_is_the_posterior_of_a_naive_sum(monkeypatch):
    prior, means, rotation = timit_shaped._process()
    few = 6
    small = prior[:few] / prior[:few].sum(), means[:few] * 3, rotation
    monkeypatch.setattr(timit_shaped, "_CLASSES", few)
    monkeypatch.setattr(timit_shaped, "_process", lambda: small)
    features, _ = timit_shaped._utterance(np.random.default_rng(1))
    features = features[:30]
    likelihood = likelihoods(features)
    transition = 2 / 3 * np.eye(few) + 1 / 3 * small[0]
    for t, found in enumerate(teacher(features)):
        first, last = max(0, t - 4), min(len(features) - 1, t + 4)
        forward = small[0] * likelihood[first]
        for s in range(first + 1, t + 1):
            forward = (forward @ transition) * likelihood[s]
        backward = np.ones(few)
        for s in range(last, t, -1):
            backward = transition @ (likelihood[s] * backward)
        assert found == np.argmax(forward * backward)
