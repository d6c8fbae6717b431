"""Exported minimizers load elsewhere and compute the same."""

import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from replication import configuration, data, records, training
from replication.sharpness import measure_sharpness
from replication.weights import export_keras, load_minimizer, load_model
from tests import networks
from tests.scripts import ROOT, script


@pytest.fixture(scope="module", params=["batch", "moving"])
def record(request, tmp_path_factory):
    run = configuration.Run(network=networks.TWO_LAYERS, regime="LB", trial=0, dataset="digits", batch_size=144,
                            epochs=1, statistics=request.param)
    record = training.train(run, records.Workdir.create(tmp_path_factory.mktemp("export")), verbose=0)
    export_keras(record)
    return record


def test_the_lines_of_the_page_load_it_in_a_process_apart(record, tmp_path):
    """With moving averages without this package, otherwise with its package `models` alone."""
    page = record.exported_page.read_text(encoding="utf-8")
    lines = "".join(re.findall(r"^    (.*\n)", page, flags=re.MULTILINE))
    assert ("import models" in lines) == (record.configuration.statistics == "batch")
    inputs = data.load("digits").test_inputs[:50]
    np.save(tmp_path / "inputs.npy", inputs)
    program = (f"import numpy as np, sys\n{lines}\n"
               "np.save('outputs.npy', model.predict(np.load('inputs.npy'), verbose=0))\n"
               "assert 'replication' not in sys.modules")
    (tmp_path / "final.keras").write_bytes(record.exported_model.read_bytes())
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    if record.configuration.statistics == "batch":
        (tmp_path / "models").symlink_to(ROOT / "models")
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, env=environment)
    expected = load_minimizer(record).predict(inputs, verbose=0)
    assert np.load(tmp_path / "outputs.npy") == pytest.approx(expected, abs=1e-6)


def test_it_is_measured_like_the_run(record):
    digits = data.load("digits")
    by_run, by_file = (measure_sharpness(model, digits.train_inputs, digits.train_labels, iterations=2) for model in (
        load_minimizer(record), load_model(record.exported_model)))
    assert by_run.sharpness == by_file.sharpness


def test_the_run_is_sound_with_it_and_the_files_stay(record):
    before = record.exported_model.stat().st_mtime_ns
    folder = record.folder.parents[1]
    assert records.Workdir.open(folder).runs()[1] == []
    again = script("train", f"--config={record.folder / 'config.json'}", "--export_keras", f"--workdir={folder}")
    assert again.returncode == 0 and record.exported_model.stat().st_mtime_ns == before


def test_the_script_does_for_a_file_what_the_function_does_for_a_model(tmp_path):
    digits = data.load("digits")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(
        12, activation="relu", kernel_regularizer="l2"), keras.layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(digits.train_inputs, digits.train_labels, epochs=1, verbose=0)
    model.save(tmp_path / "mine.keras")
    expected = measure_sharpness(model, digits.train_inputs, digits.train_labels, loss="compiled", per_layer=True,
                                 variables="*dense*", iterations=3)
    found = script("measure_sharpness", f"--model={tmp_path / 'mine.keras'}", "--dataset=digits", "--epsilon=1e-3",
                   "--subspace_dim=0", "--iterations=3", "--loss=compiled", "--variables=*dense*", "--per_layer")
    assert found.returncode == 0 and "penalties" not in found.stderr
    values = [float(value) for value in re.findall(r"full +0\.001 +(\S+)", found.stdout)]
    assert values == pytest.approx([expected.sharpness, *expected.layers.values()], rel=1e-3)
    assert "penalties" in script("measure_sharpness", f"--model={tmp_path / 'mine.keras'}", "--dataset=digits",
                                 "--epsilon=1e-3", "--subspace_dim=0", "--iterations=1").stderr
