"""Each mistake a user can make: one clear line, exit code 1, no traceback, nothing harmed on disk."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from replication import configuration, files, records, training, weights
from replication.errors import UserError
from tests.scripts import ROOT, cases, script

RUN = configuration.Run(network="F1", regime="SB", trial=0, dataset="digits", batch_size=719, epochs=1)


def assert_one_line(process, *words):
    """Exit code 1, and an error of one line that has these words in it."""
    lines = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
    assert process.returncode == 1, process.stderr
    assert "Traceback" not in process.stderr
    assert len(lines) == 1, process.stderr
    for word in words:
        assert str(word) in lines[0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workdir with one finished run."""
    workdir = records.Workdir.create(tmp_path_factory.mktemp("bad-input"))
    training.train(RUN, workdir, verbose=0)
    return workdir


FLAGS = [
    ("train", ["--batch_size=60001"], ["batch_size=60001", "60000"]),
    ("train", ["--learning_rate=nan"], ["learning_rate=nan"]),
    ("train", ["--architecture=released"], ["architecture='released'", "F1 has only one"]),
    ("train", ["--regime=grid"], ["--batch_size: required with --regime=grid"]),
    ("train", ["--config=absent.json", "--precision=mixed_float16"], ["--precision", "--config"]),
    ("train", ["--config=absent.json", "--architecture=text"], ["--architecture", "--config"]),
    ("train", ["stray"], ["'stray'", "--help"]),
    ("train", ["--config=absent.json"], ["absent.json"]),
    ("train", ["--config=absent.json", "--network=F1"], ["--network", "--config"]),
    ("train", ["--sam_rho=0.1"], ["--sam_rho", "--remedy=sam"]),
    ("train", ["--remedy=sam", "--augmentation_flip"], ["--augmentation_flip", "--remedy=augmentation"]),
    ("train", ["--remedy=augmentation"], ["remedy='augmentation'", "F1 is not convolutional"]),
    ("train", ["--network=C1", "--dataset=digits32", "--remedy=augmentation", "--jit_compile=on"],
     ["jit_compile=True", "augmentation"]),
    ("train", ["--remedy=dynamic_sampling", "--dynamic_sampling_first_batch_size=300"],
     ["first_batch_size=300", "at most 256"]),
    ("train", ["--config=absent.json", "--remedy=sam"], ["--remedy", "--config"]),
    ("train", ["--config=absent.json", "--sam_rho=0.1"], ["--sam_rho", "--config"]),
    ("train", ["--config=absent.json", "--warm_start=F1-SB-trial0-6189c893:1"], ["--warm_start", "--config"]),
    ("train", ["--warm_start=F1-SB-trial0-6189c893"], ["warm_start='F1-SB-trial0-6189c893'", "RUN:EPOCH"]),
    ("train", ["--warm_start=mine:1"], ["start.run='mine'"]),
    ("train", ["--warm_start=F1-SB-trial1-6189c893:1"], ["start.run='F1-SB-trial1-6189c893'", "trial 0"]),
    ("train", ["--dropout=0.5"], ["dropout=0.5", "F1 has no dropout"]),
    ("train", ["--network=C1", "--dropout=1"], ["dropout=1.0", "[0, 1)"]),
    ("train", ["--config=absent.json", "--dropout=0.5"], ["--dropout", "--config"]),
    ("train", ["--devices=2"], ["--devices", "--strategy=mirrored"]),
    ("train", ["--nosynchronized"], ["--synchronized", "--strategy=mirrored"]),
    ("train", ["--strategy=mirrored", "--devices=2", "--jit_compile=on"], ["jit_compile=True", "mirrored"]),
    ("train", ["--strategy=mirrored", "--devices=2", "--remedy=sam"], ["remedy='sam'", "mirrored"]),
    ("train", ["--strategy=mirrored", "--devices=2", "--dataset=digits", "--batch_size=718"], ["batch_size=718"]),
    ("train", ["--config=absent.json", "--strategy=mirrored"], ["--strategy", "--config"]),
    ("measure_sharpness", ["--devices=2"], ["--devices", "--strategy=mirrored"]),
    ("tune", ["--objective=sharpness", "--max_sharpness=5"], ["max_sharpness=5.0", "objective=sharpness"]),
    ("tune", ["--max_sharpness=0"], ["max_sharpness=0.0", "positive"]),
    ("tune", ["--validation_share=0"], ["validation_share=0.0", "between 0 and 1"]),
    ("tune", ["--validation_share=1"], ["validation_share=1.0", "between 0 and 1"]),
    ("reproduce", ["--networks=F1,F9"], ["F9"]),
    ("reproduce", ["--architecture=text"], ["architecture='text'", "F1 has only one"]),
    ("reproduce", ["--networks=C1,F1", "--architecture=text"], ["architecture='text'", "F1 has only one"]),
    ("reproduce", ["--experiments=table9"], ["table9", "table2"]),
    ("reproduce", ["--experiments=table6", "--networks=F1"], ["table6", "nothing to run of F1", "C1, C2, C3, C4"]),
    ("reproduce", ["--experiments=table2,searches"], ["searches", "replication.tune"]),
    ("reproduce", ["--networks=F1", "--batch_sizes=8,99999"], ["--batch_sizes", "--experiments=figure4"]),
    ("reproduce", ["--experiments=table2", "--warm_start_every=2"], ["--warm_start_every", "--experiments=figure5"]),
    ("reproduce", ["--ray_cpus=2"], ["--ray_cpus", "--executor=ray"]),
    ("reproduce", ["--executor=ray", "--jobs=2"], ["--jobs", "--executor=local"]),
    ("reproduce", ["--executor=ray", "--ray_address=head"], ["ray_address='head'", "HOST:PORT"]),
    ("reproduce", ["--batch_sizes=8,1438"], ["batch_sizes=1438", "1437"]),
    ("reproduce", ["--batch_sizes=0"], ["batch_sizes=0", "1437"]),
    ("reproduce", ["--batch_sizes="], ["--batch_sizes", "empty"]),
    ("reproduce", ["--batch_sizes=8,many"], ["batch_sizes='many'", "fractions"]),
    ("reproduce", ["--batch_sizes=1.5"], ["batch_sizes='1.5'", "fractions"]),
    ("reproduce", ["--warm_start_every=13"], ["warm_start_every=13", "from 1 to 8"]),
    ("measure_sharpness", ["--epsilon=0"], ["epsilon=0"]),
    ("measure_sharpness", ["--epsilon=-1e-3"], ["epsilon=-0.001"]),
    ("measure_sharpness", ["--epsilon=small"], ["--epsilon=small"]),
    ("measure_sharpness", ["--epsilon=nan"], ["epsilon=nan"]),
    ("measure_sharpness", ["--subspace_dim=-1"], ["subspace_dim=-1"]),
    ("measure_sharpness", ["--subspace_dim=1.5"], ["--subspace_dim=1.5"]),
    ("verify", ["--tables=9"], ["9"]),
    ("train", ["--target_loss=0.1"], ["target_loss=0.1", "none without stop=loss"]),
    ("train", ["--stop=loss"], ["target_loss=None", "a number with stop=loss"]),
    ("train", ["--stop=loss", "--target_loss=0.1", "--epochs=3"], ["--stop=loss", "--epochs=3"]),
    ("verify", ["--networks=F9"], ["F9", "F1, F2"]),
]
# Names that are not in a closed set, and numbers beyond a bound, in absl's own words.
REFUSED = [
    ("train", ["--network=F9"], ["--network=F9", "<F1|F2|C1|C2|C3|C4|S1|S2>"]),
    ("train", ["--regime=MB"], ["--regime=MB", "<SB|LB|grid>"]),
    ("train", ["--dataset=svhn"], ["--dataset=svhn", "mnist"]),
    ("train", ["--batch_size=0"], ["batch_size", "a positive integer"]),
    ("train", ["--epochs=-1"], ["epochs", "non-negative"]),
    ("train", ["--learning_rate=-0.1"], ["learning_rate", "non-negative"]),
    ("train", ["--trial=-1"], ["trial", "[0, 2147483647]"]),
    ("train", ["--optimizer=lion"], ["--optimizer=lion", "<adam|sgd|momentum|adagrad>"]),
    ("train", ["--statistics=none"], ["--statistics=none", "<batch|moving>"]),
    ("train", ["--network=C1", "--architecture=resnet"], ["--architecture=resnet", "<released|text>"]),
    ("train", ["--precision=float16"], ["--precision=float16", "mixed_float16"]),
    ("train", ["--remedy=dropout"], ["--remedy=dropout", "augmentation|conservative"]),
    ("train", ["--remedy=sam", "--sam_rho=-1"], ["sam_rho", "non-negative"]),
    ("train", ["--network=C1", "--remedy=augmentation", "--augmentation_rotation=200"],
     ["augmentation_rotation", "180"]),
    ("train", ["--remedy=conservative", "--conservative_iterations=0"],
     ["conservative_iterations", "a positive integer"]),
    ("train", ["--remedy=adversarial", "--adversarial_clean_share=2"], ["adversarial_clean_share", "[0, 1]"]),
    ("train", ["--remedy=stability", "--stability_deviation=-0.1"], ["stability_deviation", "non-negative"]),
    ("train", ["--remedy=dynamic_sampling", "--dynamic_sampling_test=luck"],
     ["--dynamic_sampling_test=luck", "<schedule|variance>"]),
    ("train", ["--keep_iterates=-1"], ["keep_iterates", "non-negative"]),
    ("train", ["--strategy=mirrored", "--devices=1"], ["devices", ">= 2"]),
    ("tune", ["--network=../F1"], ["--network=../F1", "<F1|F2|C1|C2|C3|C4|S1|S2>"]),
    ("tune", ["--dataset=../digits"], ["--dataset=../digits", "mnist"]),
    ("tune", ["--tuner=grid"], ["--tuner=grid", "<random|bayesian|hyperband>"]),
    ("tune", ["--tuner=../random"], ["--tuner=../random"]),
    ("tune", ["--objective=test_accuracy"], ["--objective=test_accuracy", "<val_accuracy|sharpness>"]),
    ("tune", ["--max_trials=0"], ["max_trials", "a positive integer"]),
    ("tune", ["--epochs=0"], ["epochs", "a positive integer"]),
    ("tune", ["--seed=-1"], ["seed", "[0, 2147483647]"]),
    ("reproduce", ["--preset=slow"], ["--preset=slow", "<paper|quick|timit_shaped|tour>"]),
    ("reproduce", ["--networks=C1", "--architecture=both"], ["--architecture=both", "<released|text>"]),
    ("reproduce", ["--trials=0"], ["trials", "a positive integer"]),
    ("reproduce", ["--jobs=0"], ["jobs", "a positive integer"]),
    ("reproduce", ["--warm_start_every=0"], ["warm_start_every", "a positive integer"]),
    ("measure_sharpness", ["--batch_size=0"], ["batch_size", "expected a whole number of at least 1, or all"]),
    ("measure_sharpness", ["--examples=0"], ["examples", "a positive integer"]),
    ("measure_sharpness", ["--starts=0"], ["starts", "a positive integer"]),
    ("plot_parametric", ["--points=1"], ["points", ">= 2"]),
    ("plot_parametric", ["--path=straight"], ["--path=straight", "<linear|curved>"]),
    ("train", [f"--trial={2**31}"], ["trial", "[0, 2147483647]"]),
    ("train", ["--training_loss=hinge"], ["--training_loss=hinge", "label_smoothing"]),
    ("measure_sharpness", ["--box=cube"], ["--box=cube", "<paper|relative>"]),
]


def of_scripts(found):
    """The cases of each script, as pairs of its name and a list of arguments and words."""
    return [(name, [each[1:] for each in found if each[0] == name]) for name in sorted({each[0] for each in found})]


@pytest.mark.parametrize("name, found", of_scripts(FLAGS))
def test_flags(name, found, tmp_path):
    work = tmp_path / "work"
    for process, (_, words) in zip(cases(name, [[*arguments, f"--workdir={work}"] for arguments, _ in found]), found):
        assert_one_line(process, *words)
    assert not work.exists()


@pytest.mark.parametrize("name, found", of_scripts(REFUSED))
def test_flags_that_absl_refuses(name, found, tmp_path):
    work = tmp_path / "work"
    for process, (_, words) in zip(cases(name, [[*arguments, f"--workdir={work}"] for arguments, _ in found]), found):
        first, hint = process.stderr.splitlines()
        assert process.returncode == 1 and first.startswith("FATAL Flags parsing error: flag ") and "--helpfull" in hint
        for word in words:
            assert word in first
    assert not work.exists()


@pytest.mark.parametrize("name", ["measure_sharpness", "make_report", "verify", "plot_parametric"])
@pytest.mark.parametrize("kind", ["absent", "empty", "file"])
def test_workdir_without_runs(name, kind, tmp_path):
    folder = tmp_path / "work"
    if kind == "empty":
        folder.mkdir()
    elif kind == "file":
        folder.write_text("precious")
    assert_one_line(script(name, f"--workdir={folder}"), "--workdir", folder)
    assert kind != "file" or folder.read_text() == "precious"


@pytest.mark.parametrize("name", ["train", "reproduce"])
def test_workdir_that_is_a_file(name, tmp_path):
    file = tmp_path / "work"
    file.write_text("precious")
    assert_one_line(script(name, f"--workdir={file}"), "--workdir", file)
    assert file.read_text() == "precious"


def test_ray_that_is_not_installed(tmp_path):
    (tmp_path / "ray.py").write_text("raise ModuleNotFoundError('ray')", encoding="utf-8")
    process = script("reproduce", "--executor=ray", f"--workdir={tmp_path / 'work'}",
                     env={"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])})
    assert_one_line(process, "--executor=ray", "requirements-ray.txt")
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


@pytest.mark.parametrize("environment", [{"KERAS_BACKEND": "jax"}, {"TF_USE_LEGACY_KERAS": "1"}])
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
                    "subspace_dim=2000000", "1094154")


def test_second_process_on_the_same_run(trained):
    with trained.run(RUN).lock(wait=False):
        assert_one_line(script("measure_sharpness", f"--workdir={trained.path}", "--subspace_dim=0"),
                        RUN.name, "another process")


@pytest.mark.parametrize("name", ["config.json", "result.json", "final.weights.h5"])
def test_damaged_run_is_reported_and_the_others_are_used(trained, name, tmp_path):
    import shutil

    workdir = records.Workdir(tmp_path / "work")
    shutil.copytree(trained.path, workdir.path)
    damaged = workdir.path / "runs" / "F1-SB-trial9-00000000"
    shutil.copytree(trained.run(RUN).folder, damaged)
    other = configuration.Run.from_json({**RUN.to_json(), "trial": 9})
    damaged = damaged.rename(damaged.with_name(other.name))
    files.write_json(damaged / "config.json", {**files.read_json(damaged / "config.json"),
                                               "configuration": other.to_json()})
    file = damaged / name
    file.write_bytes(file.read_bytes()[:-100])
    before = {path: path.read_bytes() for path in damaged.rglob("*") if path.is_file()}
    process = script("measure_sharpness", f"--workdir={workdir.path}", "--subspace_dim=0", "--epsilon=1e-3",
                     "--iterations=1")
    assert_one_line(process, file)
    assert RUN.name in process.stdout
    assert_one_line(script("make_report", f"--workdir={workdir.path}"), file)
    assert workdir.page.exists()
    assert {path: path.read_bytes() for path in damaged.rglob("*") if path.is_file()} == before


def test_training_data_with_nan_are_named():
    from replication.data import check_examples

    inputs = np.zeros((5, 2), "float32")
    inputs[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"inputs\[3, 1\]=nan"):
        check_examples(inputs, np.zeros(5, int), 2)
    with pytest.raises(ValueError, match=r"labels\[2\]=2"):
        check_examples(np.zeros((5, 2)), np.array([0, 1, 2, 1, 0]), 2)


@pytest.mark.parametrize("name", ["train", "reproduce", "measure_sharpness", "plot_parametric", "make_report",
                                  "verify", "tune", "prepare_data"])
def test_help_names_the_flags(name):
    process = script(name, "--help")
    expected = "--workdir" if name != "prepare_data" else "--data_dir"
    assert expected in process.stdout
    assert "replication." + name in process.stdout


@pytest.mark.parametrize("arguments, words", [
    (("reproduce", "--networks=", "--dry_run"), ["networks=''"]),
    (("reproduce", "--remake_damaged", "--dry_run"), ["--remake_damaged", "one of the two"]),
    (("reproduce", "--experiments=", "--dry_run"), ["experiments=''"]),
    (("train", "--workdir="), ["workdir=''"]),
    (("measure_sharpness", "--dataset=mnist"), ["--dataset", "--model"]),
])
def test_values_that_would_mean_something_else(arguments, words, tmp_path):
    name, *given = arguments
    if not any(each.startswith("--workdir") for each in given):
        given.append(f"--workdir={tmp_path}")
    assert_one_line(script(name, *given), *words)


def test_a_keras_json_that_makes_other_networks(tmp_path):
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first"}', encoding="utf-8")
    assert_one_line(script("train", f"--workdir={tmp_path / 'work'}", env={"KERAS_HOME": str(tmp_path)}),
                    "keras.json: image_data_format='channels_first'", "KERAS_HOME")


def test_a_reader_that_leaves_early(tmp_path):
    """As `head` does: no traceback."""
    process = subprocess.Popen([sys.executable, "-m", "replication.verify", f"--workdir={ROOT / 'results'}"], cwd=ROOT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait() == 1


def test_a_model_file_with_a_damaged_part(tmp_path):
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]).save(
        tmp_path / "mine.keras")
    content = bytearray((tmp_path / "mine.keras").read_bytes())
    middle = len(content) // 2
    content[middle:middle + 8] = bytes(each ^ 0xFF for each in content[middle:middle + 8])
    (tmp_path / "mine.keras").write_bytes(content)
    assert_one_line(script("measure_sharpness", f"--model={tmp_path / 'mine.keras'}", "--dataset=digits"),
                    "mine.keras: not a Keras model that can be loaded")
