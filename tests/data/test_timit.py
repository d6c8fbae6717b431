"""TIMIT is prepared from every format of Kaldi's, and trained and measured on like any data set."""

import json
import logging
import pathlib
import shutil
import subprocess
import sys
import types

import kaldiio
import numpy as np
import pytest

from replication import catalog, configuration, data, records
from replication.data import cache, timit
from replication.errors import MissingDataError, UserError
from tests.data import kaldi_fixture
from tests.scripts import ROOT, script

# Prints the anonymous memory that a preparation adds at its peak, and the size of the arrays.
_PEAK = """
import pathlib
import sys
import threading
from replication import data

def anonymous():
    line, = (line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024

def watch():
    while not done.wait(0.002):
        seen.append(anonymous())

kaldi, small, folder = map(pathlib.Path, sys.argv[1:])
data.prepare("timit", folder / "small", kaldi_dir=small)
seen, done = [anonymous()], threading.Event()
watcher = threading.Thread(target=watch)
watcher.start()
data.prepare("timit", folder / "large", kaldi_dir=kaldi)
done.set()
watcher.join()
arrays = data.load("timit", folder / "large").arrays
print(max(seen) - seen[0], sum(array.nbytes for array in arrays))
"""


def assert_same_arrays(loaded, content, tolerance=0.0):
    for split, inputs, labels in (("train", loaded.train_inputs, loaded.train_labels),
                                  ("test", loaded.test_inputs, loaded.test_labels)):
        np.testing.assert_allclose(
            inputs, np.concatenate([timit.splice(features) for features, _ in content[split].values()]),
            rtol=0, atol=tolerance)
        np.testing.assert_array_equal(labels, np.concatenate([own for _, own in content[split].values()]))


# Text has 12 digits and is exact; the coarsest compressed format has 255 steps over the range of the values.
@pytest.mark.parametrize("features, alignments, tolerance", [
    ("float", "text", 0), ("double", "text.gz", 0), ("text", "binary", 0), ("gz", "binary.gz", 0),
    ("CM", "text.gz", 0.06), ("CM2", "text.gz", 1e-3), ("CM3", "text.gz", 0.06),
])
def test_every_format_is_read(tmp_path, features, alignments, tolerance):
    content = kaldi_fixture.make(tmp_path / "kaldi", features=features, alignments=alignments)
    data.prepare("timit", tmp_path / "data", kaldi_dir=tmp_path / "kaldi")
    loaded = data.load("timit", tmp_path / "data")
    assert_same_arrays(loaded, content, tolerance)
    assert loaded.train_inputs.dtype == np.float32 and loaded.train_labels.dtype == np.int32
    assert loaded.train_inputs.shape[1:] == (360,)


def test_text_whose_first_number_is_whole(tmp_path):
    content = kaldi_fixture.make(tmp_path / "kaldi")
    lines = []
    for utterance, (features, _) in content["train"].items():
        features[0, 0] = 0
        lines.append(f"{utterance}  [\n  " + "\n  ".join(" ".join(map(repr, map(float, row))) for row in features)
                     + " ]\n")
        (tmp_path / f"kaldi/train/{utterance}.txt").write_text(lines[-1].partition(" ")[2])
    (tmp_path / "kaldi/train/feats.scp").write_text(
        "".join(f"{utterance} {utterance}.txt\n" for utterance in content["train"]))
    data.prepare("timit", tmp_path / "data", kaldi_dir=tmp_path / "kaldi")
    assert_same_arrays(data.load("timit", tmp_path / "data"), content)


@pytest.mark.parametrize("size", [1, 3, 9, 20])
def test_splicing_is_that_of_a_naive_loop(size):
    features = np.random.default_rng(size).normal(size=(size, 40)).astype(np.float32)
    naive = np.empty((size, 360), np.float32)
    for t in range(size):
        for j in range(9):
            naive[t, 40 * j:40 * (j + 1)] = features[min(max(t + j - 4, 0), size - 1)]
    np.testing.assert_array_equal(timit.splice(features), naive)


def test_normalization_per_speaker(tmp_path):
    content = kaldi_fixture.make(tmp_path / "kaldi")
    constant = tmp_path / "kaldi/test"
    flat = {name: np.where(np.arange(40) == 7, np.float32(0.1), pair[0]) for name, pair in content["test"].items()}
    kaldiio.save_ark(str(constant / "feats.ark"), flat, scp=str(constant / "feats.scp"))
    data.prepare("timit", tmp_path / "data", kaldi_dir=tmp_path / "kaldi", normalize_speakers=True)
    loaded = data.load("timit", tmp_path / "data")
    assert loaded.to_json()["details"] == {"normalize_speakers": True}
    middle = loaded.train_inputs[:, 160:200].astype(np.float64)
    frames = [sum(len(labels) for name, (_, labels) in content["train"].items() if name.startswith(speaker))
              for speaker in kaldi_fixture.SPEAKERS["train"]]
    for own in (middle[:frames[0]], middle[frames[0]:]):
        # The archive and the array hold float32, which has 24 bits.
        np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(own.std(axis=0), 1, atol=1e-6)
    test = loaded.test_inputs[:, 160:200]
    assert np.abs(test[:, 7]).max() < 1e-6
    np.testing.assert_allclose(np.delete(test, 7, axis=1).std(axis=0), 1, atol=1e-5)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("timit")
    kaldi_fixture.make(folder / "kaldi")
    data.prepare("timit", folder / "data", kaldi_dir=folder / "kaldi")
    return folder


def test_sets_with_a_common_utterance_are_refused(tmp_path):
    kaldi_fixture.make(tmp_path / "kaldi")
    shutil.rmtree(tmp_path / "kaldi" / "test")
    shutil.copytree(tmp_path / "kaldi" / "train", tmp_path / "kaldi" / "test")
    with pytest.raises(UserError, match=r"utterance FCJF0\S* \(\d+ in all\) is in train and in test"):
        data.prepare("timit", tmp_path / "data", kaldi_dir=tmp_path / "kaldi")
    assert not list(tmp_path.glob("data/timit*/*"))


def test_arrays_are_mapped_not_read(prepared):
    loaded = data.load("timit", prepared / "data")
    assert all(isinstance(array, np.memmap) and not array.flags.writeable for array in loaded.arrays)
    assert not list((prepared / "data/timit-arrays").glob(".partial-*"))


def test_a_tilde_is_the_home_folder(prepared, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(prepared))
    assert data.prepare("timit", tmp_path, kaldi_dir="~/kaldi").startswith("timit: prepared in ")


def test_sizes_are_known_without_the_arrays(prepared):
    resolved = data.describe("timit", prepared / "data")
    loaded = data.load("timit", prepared / "data")
    assert resolved == loaded.resolved == catalog.Dataset(
        len(loaded.train_labels), len(loaded.test_labels), (360,), kaldi_fixture.CLASSES)
    assert loaded.to_json()["classes"] == kaldi_fixture.CLASSES
    assert data.describe("digits") is catalog.DATASETS["digits"]


def test_other_numbers_of_classes_are_a_warning(prepared, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="absl"):
        data.prepare("timit", tmp_path, kaldi_dir=prepared / "kaldi")
    assert "30 classes" in caplog.text and "1973" in caplog.text


def test_other_numbers_of_frames_are_a_warning(prepared, tmp_path, caplog, monkeypatch):
    found = data.describe("timit", prepared / "data")
    with caplog.at_level(logging.WARNING, logger="absl"):
        data.prepare("timit", tmp_path, kaldi_dir=prepared / "kaldi")
    assert f"{found.training_size} training and {found.test_size} test frames, the paper has 721329" in caplog.text
    caplog.clear()
    monkeypatch.setattr(timit, "PAPER_SIZES", {"training": found.training_size, "test": found.test_size})
    with caplog.at_level(logging.WARNING, logger="absl"):
        data.prepare("timit", tmp_path, kaldi_dir=prepared / "kaldi")
    assert "frames" not in caplog.text


def repeat_utterances(folder, times):
    """Uses the features of one archive for many utterances."""
    for name, text in (("feats.scp", (folder / "feats.scp").read_text()),
                       ("pdf.1.ark", (folder / "pdf.1.ark").read_text())):
        (folder / name).write_text("".join(f"again{i}-{line}" for i in range(times)
                                           for line in text.splitlines(keepends=True)))


def test_preparation_never_holds_the_arrays(prepared, tmp_path):
    if not pathlib.Path("/proc/self/status").exists():
        pytest.skip("the system has no /proc")
    kaldi_fixture.make(tmp_path / "kaldi", alignments="text")
    repeat_utterances(tmp_path / "kaldi/train", times=120)
    completed = subprocess.run(
        [sys.executable, "-c", _PEAK, tmp_path / "kaldi", prepared / "kaldi", tmp_path / "data"], cwd=ROOT, text=True,
        capture_output=True, check=True)
    peak, size = map(int, completed.stdout.split())
    assert size > 80e6 and peak < size / 4


def test_prepared_arrays_are_kept_without_a_kaldi_dir(prepared):
    line = data.prepare("timit", prepared / "data")
    assert line.startswith("timit: already prepared") and "30 classes" in line


def test_missing_data_name_the_command(tmp_path):
    for use in (data.load, data.describe):
        with pytest.raises(MissingDataError, match="--dataset=timit --kaldi_dir=DIR --data_dir="):
            use("timit", tmp_path)
    assert not list(tmp_path.iterdir())


def test_interrupted_preparation_counts_as_none(prepared, tmp_path, monkeypatch):
    data.prepare("timit", tmp_path, kaldi_dir=prepared / "kaldi")
    monkeypatch.setattr(cache.files, "write_json", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        data.prepare("timit", tmp_path, kaldi_dir=prepared / "kaldi")
    with pytest.raises(MissingDataError):
        data.load("timit", tmp_path)


def test_a_disk_without_room_is_no_crash(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=1000))
    with pytest.raises(UserError, match="GB needed, 0.00 GB free"):
        data.prepare("timit", tmp_path / "data", kaldi_dir=prepared / "kaldi")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("flags, message", [
    (["--dataset=timit"], "--kaldi_dir: required"),
    (["--dataset=timit", "--kaldi_dir=absent"], "--kaldi_dir=absent: no such folder"),
    (["--dataset=timit", "--normalize_speakers"], "--normalize_speakers: only valid with --kaldi_dir"),
    (["--dataset=digits", "--kaldi_dir=x"], "--kaldi_dir: only valid with --dataset=timit"),
    (["--dataset=timit", "--frames=100"], "--frames: only valid with --dataset=timit_shaped"),
])
def test_wrong_flags_end_with_one_line(flags, message, tmp_path):
    completed = script("prepare_data", *flags, f"--data_dir={tmp_path}/sets")
    assert completed.returncode == 1 and completed.stdout == ""
    assert completed.stderr.startswith(f"error: {message}") and completed.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_from_kaldi_to_a_trained_and_measured_f2(tmp_path):
    kaldi_fixture.make(tmp_path / "kaldi", features="CM")
    flags = (f"--data_dir={tmp_path / 'data'}",)
    completed = script("prepare_data", "--dataset=timit", f"--kaldi_dir={tmp_path / 'kaldi'}", "--normalize_speakers",
                       *flags)
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.startswith("timit: prepared in ")
    workdir = f"--workdir={tmp_path / 'work'}"
    completed = script("train", "--network=F2", "--regime=LB", "--epochs=1", "--jit_compile=off", *flags, workdir)
    assert completed.returncode == 0, completed.stderr
    (record,), problems = records.Workdir.open(tmp_path / "work").runs()
    size = data.describe("timit", tmp_path / "data").training_size
    run = record.configuration
    assert not problems and (run.dataset, run.classes) == ("timit", kaldi_fixture.CLASSES)
    assert run.batch_size == -(-size // 10)
    assert record.config["data"]["details"] == {"normalize_speakers": True}
    assert record.result["parameters"] == 2_780_085 - 513 * (1973 - kaldi_fixture.CLASSES)
    completed = script("measure_sharpness", workdir, *flags, "--epsilon=1e-3", "--subspace_dim=0", "--iterations=1")
    assert completed.returncode == 0, completed.stderr
    ((measurement,), _) = record.measurements("sharpness")
    assert measurement["sharpness"] > 0

    data.prepare("timit", tmp_path / "data", kaldi_dir=tmp_path / "kaldi")
    with pytest.raises(UserError, match="other data than the timit prepared now"):
        record.check_data(data.load("timit", tmp_path / "data").to_json())
    completed = script("train", "--network=F2", f"--batch_size={size + 1}", *flags, workdir)
    assert completed.returncode == 1 and f"from 1 to {size}" in completed.stderr


def test_a_run_resolved_for_other_data_is_refused(prepared):
    loaded = data.load("timit", prepared / "data")
    run = configuration.Run(network="F2", regime="SB", trial=0, dataset="timit", batch_size=256, classes=1973)
    with pytest.raises(UserError, match="classes=1973: expected 30"):
        loaded.check_run(run)
    with pytest.raises(UserError, match="batch_size=100000: expected a whole number from 1 to"):
        loaded.check_run(configuration.Run.from_json({**run.to_json(), "batch_size": 100_000}))


def test_only_prepared_data_sets_take_a_number_of_classes():
    with pytest.raises(UserError, match="classes=10: expected none"):
        configuration.Run(network="F1", regime="SB", trial=0, dataset="mnist", batch_size=256, classes=10)
    with pytest.raises(UserError, match="classes=None: expected the number"):
        configuration.Run(network="F2", regime="SB", trial=0, dataset="timit", batch_size=256)


def test_names_of_earlier_runs_stay():
    run = configuration.Run(network="F1", regime="SB", trial=0, dataset="mnist", batch_size=256)
    assert run.name == "F1-SB-trial0-6189c893"
    fields = run.to_json()
    assert fields.pop("classes") is None
    assert configuration.Run.from_json(fields) == run


def test_damaged_summary_is_named(prepared, tmp_path):
    folder = tmp_path / "timit-arrays"
    folder.mkdir()
    content = json.loads((prepared / "data/timit-arrays/arrays.json").read_text())
    for damaged in ({**content, "classes": None}, {**content, "training_size": "many"}):
        (folder / "arrays.json").write_text(json.dumps(damaged))
        with pytest.raises(UserError, match="arrays.json: damaged"):
            data.describe("timit", tmp_path)
