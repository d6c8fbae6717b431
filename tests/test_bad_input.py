"""Each mistake a user can make: one clear line, exit code 1, no traceback, nothing harmed on disk."""

import dataclasses
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from replication import configuration, files, records, training, weights
from replication.errors import UserError
from tests import forked, networks
from tests.scripts import ROOT, assert_one_line, cases, fresh_script, module, run_module, script

RUN = configuration.Run(network=networks.TWO_LAYERS, regime="SB", trial=0, dataset="digits", batch_size=719, epochs=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workdir with one finished run."""
    workdir = records.Workdir.create(tmp_path_factory.mktemp("bad-input"))
    training.train(RUN, workdir, verbose=0)
    return workdir


@pytest.mark.parametrize("name", ["measure_sharpness", "make_report", "verify", "plot_parametric"])
def test_workdir_without_runs(name, tmp_path):
    absent, empty, file = folders = [tmp_path / kind for kind in ("absent", "empty", "file")]
    empty.mkdir()
    file.write_text("precious")
    for folder, process in zip(folders, cases(name, [[f"--workdir={folder}"] for folder in folders])):
        assert_one_line(process, "--workdir", folder)
    assert file.read_text() == "precious" and not absent.exists()


@pytest.mark.parametrize("name", ["train", "reproduce"])
def test_workdir_that_is_a_file(name, tmp_path):
    file = tmp_path / "work"
    file.write_text("precious")
    assert_one_line(script(name, f"--workdir={file}"), "--workdir", file)
    assert file.read_text() == "precious"


def _without_ray(arguments):
    # As Python has it, this module cannot be found.
    sys.modules["ray"] = None
    run_module("replication.reproduce", arguments)


def test_ray_that_is_not_installed(tmp_path):
    child = forked.Child(_without_ray, ["--executor=ray", f"--workdir={tmp_path / 'work'}"])
    errors = child.communicate()[1]
    assert_one_line(subprocess.CompletedProcess("reproduce", child.poll(), "", errors), "--executor=ray",
                    "requirements-ray.txt")
    assert not (tmp_path / "work").exists()


@pytest.mark.skipif(getattr(os, "geteuid", lambda: -1)() == 0, reason="root may write everywhere")
def test_workdir_that_is_not_writable(tmp_path):
    tmp_path.chmod(0o500)
    try:
        assert_one_line(script("train", f"--workdir={tmp_path}"), "not writable")
    finally:
        tmp_path.chmod(0o700)


def test_workdir_that_is_not_writable_is_named(tmp_path, monkeypatch):
    """The same for root, whom no permission stops."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match="not writable"):
        records.Workdir.create(tmp_path)


def test_data_that_are_not_there(tmp_path):
    empty = tmp_path / "data"
    process = script("train", f"--workdir={tmp_path / 'work'}", f"--data_dir={empty}")
    assert_one_line(process, "python -m replication.prepare_data --dataset=mnist", empty)
    assert not list((tmp_path / "work").glob("runs/*"))
    assert not empty.exists()


@pytest.mark.parametrize("environment", [
    {"KERAS_BACKEND": "jax"}, {"TF_USE_LEGACY_KERAS": "1"}, {"KERAS_MAX_EPOCHS": "1"},
    {"KERAS_MAX_STEPS_PER_EPOCH": "1"}])
def test_other_keras(environment, tmp_path):
    process = script("train", f"--workdir={tmp_path}", env=environment)
    assert_one_line(process, *environment)


def test_model_that_is_no_keras_model(tmp_path):
    file = tmp_path / "model.keras"
    file.write_bytes(b"not a zip")
    assert_one_line(script("measure_sharpness", f"--model={file}", "--dataset=digits"), file, "not a Keras model")
    assert_one_line(script("measure_sharpness", f"--model={tmp_path / 'absent.keras'}", "--dataset=digits"), "absent")


def test_code_in_a_model_is_not_run(tmp_path):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Lambda(lambda x: x + 1),
                              keras.layers.Dense(10, activation="softmax")])
    for name in ("mine.keras", "mine.h5"):
        model.save(tmp_path / name)
        with pytest.raises(UserError, match=f"{name}: not a Keras model that can be loaded"):
            weights.load_model(tmp_path / name)


def test_subspace_above_n(trained):
    assert_one_line(script("measure_sharpness", f"--workdir={trained.path}", "--subspace_dim=2000000"),
                    "subspace_dim=2000000", "26634")


def test_second_process_on_the_same_run(trained):
    with trained.run(RUN).lock(wait=False):
        assert_one_line(script("measure_sharpness", f"--workdir={trained.path}", "--subspace_dim=0"),
                        RUN.name, "another process")


def test_damaged_runs_are_reported_and_the_others_are_used(trained, tmp_path):
    """One run with each of its files damaged, each in a line of its own."""
    workdir = records.Workdir(shutil.copytree(trained.path, tmp_path / "work"))
    damaged = []
    for trial, name in enumerate(("config.json", "result.json", "final.weights.h5"), 7):
        other = dataclasses.replace(RUN, trial=trial)
        folder = shutil.copytree(trained.run(RUN).folder, workdir.run(other).folder)
        config = files.read_json(folder / "config.json")
        files.write_json(folder / "config.json", {**config, "configuration": other.to_json()})
        damaged.append(folder / name)
        damaged[-1].write_bytes(damaged[-1].read_bytes()[:-100])
    before = _contents(damaged)
    measured = script("measure_sharpness", f"--workdir={workdir.path}", "--subspace_dim=0", "--epsilon=1e-3",
                      "--iterations=1")
    reported = script("make_report", f"--workdir={workdir.path}")
    for process in (measured, reported):
        lines = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
        assert process.returncode == 1 and "Traceback" not in process.stderr and len(lines) == 3
        assert all(sum(str(file) in line for line in lines) == 1 for file in damaged)
    assert RUN.name in measured.stdout and workdir.page.exists()
    assert _contents(damaged) == before


def _contents(damaged):
    """The contents of all files in the folders of damaged files."""
    return {path: path.read_bytes() for file in damaged for path in file.parent.rglob("*") if path.is_file()}


def test_training_data_with_nan_are_named():
    from replication.data import check_examples

    inputs = np.zeros((5, 2), "float32")
    inputs[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"inputs\[3, 1\]=nan"):
        check_examples(inputs, np.zeros(5, int), 2)
    with pytest.raises(ValueError, match=r"labels\[2\]=2"):
        check_examples(np.zeros((5, 2)), np.array([0, 1, 2, 1, 0]), 2)


def test_a_keras_json_that_makes_other_networks(tmp_path):
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first"}', encoding="utf-8")
    assert_one_line(script("train", f"--workdir={tmp_path / 'work'}", env={"KERAS_HOME": str(tmp_path)}),
                    "keras.json: image_data_format='channels_first'", "KERAS_HOME")


def test_missing_data_are_told_before_anything_is_timed_or_written(tmp_path):
    work = tmp_path / "work"
    process = script("reproduce", "--preset=paper", "--networks=C1", f"--workdir={work}", f"--data_dir={tmp_path}")
    assert_one_line(process, "python -m replication.prepare_data --dataset=cifar10")
    assert process.stdout == "" and not work.exists()


def test_a_terminal_without_greek_letters():
    finished = fresh_script("verify", f"--workdir={ROOT / 'results'}", env={"PYTHONIOENCODING": "ascii"})
    assert finished.returncode == 2 and "table 3, ? = 1e-3" in finished.stdout


def test_a_home_in_a_path(trained, tmp_path):
    (tmp_path / "runs").symlink_to(trained.path / "runs")
    finished = module("replication.make_report", "--workdir=~", env={"HOME": str(tmp_path)})
    assert finished.returncode == 0 and (tmp_path / "report" / "index.html").exists()
    assert_one_line(script("train", f"--workdir={tmp_path / 'work'}", "--data_dir=~nobody-of-this-name/data"),
                    "prepare_data")


def test_a_reader_that_leaves_early(tmp_path):
    """As `head` does: no traceback."""
    process = subprocess.Popen([sys.executable, "-m", "replication.verify", f"--workdir={ROOT / 'results'}"], cwd=ROOT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait() == 1


@pytest.mark.parametrize("target, code, errors", [
    ("&-", 2, []), ("/dev/full", 1, ["error: standard output: No space left on device"])])
def test_an_output_that_is_closed_or_full(target, code, errors):
    if not os.path.exists("/dev/full"):
        pytest.skip("the system has no /dev/full")
    process = subprocess.run(f"exec {sys.executable} -m replication.verify --workdir=results >{target}", shell=True,
                             cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert (process.returncode, process.stderr.splitlines()) == (code, errors)


def test_a_model_file_with_a_damaged_part(tmp_path):
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]).save(
        tmp_path / "mine.keras")
    content = bytearray((tmp_path / "mine.keras").read_bytes())
    middle = len(content) // 2
    content[middle:middle + 8] = bytes(each ^ 0xFF for each in content[middle:middle + 8])
    (tmp_path / "mine.keras").write_bytes(content)
    assert_one_line(script("measure_sharpness", f"--model={tmp_path / 'mine.keras'}", "--dataset=digits"),
                    "mine.keras: not a Keras model that can be loaded")
