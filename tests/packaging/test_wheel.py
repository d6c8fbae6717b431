"""The wheel, installed in an empty environment, runs without the checkout; and what the library imports."""

import inspect
import os
import pathlib
import re
import subprocess
import sys

import pytest

import models
from replication import console, sharpness
from tests import forked

ROOT = pathlib.Path(__file__).parents[2]
# Before README's lines: a model and its data.
MODEL = """
import keras, numpy as np
inputs, labels = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 3
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
"""


def _run(*command, expected=0, **options):
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    finished = subprocess.run(list(map(str, command)), text=True, capture_output=True, timeout=900, env=environment,
                              **options)
    assert finished.returncode == expected, finished.stderr
    return finished.stdout


@pytest.mark.slow
def test_the_wheel_runs_from_another_folder(tmp_path):
    _run(sys.executable, "-m", "venv", tmp_path / "venv")
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    _run(scripts / "python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path / "dist", ROOT)
    wheel, = (tmp_path / "dist").glob("*.whl")
    _run(scripts / "python", "-m", "pip", "install", "--quiet", "--no-compile", wheel)
    here = tmp_path / "elsewhere"
    here.mkdir()
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.search(r"^    from replication\.sharpness import measure_sharpness\n.*?(?=^\S)", page,
                      flags=re.MULTILINE | re.DOTALL).group()
    program = MODEL + re.sub("^    ", "", lines, flags=re.MULTILINE) + "\nprint(f'{result.sharpness:.6f}')\n"
    assert float(_run(scripts / "python", "-c", program, cwd=here)) > 0
    _run(scripts / "keskar-train", "--network=F1", "--dataset=digits", "--regime=LB", "--epochs=1",
         "--workdir=work", "--export_keras", cwd=here)
    _run(scripts / "keskar-measure_sharpness", "--workdir=work", "--iterations=1", "--epsilon=1e-3",
         "--subspace_dim=0", cwd=here)
    assert "index.html" in _run(scripts / "keskar-make_report", "--workdir=work", cwd=here)
    assert len(list(here.glob("work/runs/*/sharpness/*.json"))) == 1
    for script in console.SCRIPTS:
        # absl ends with 1 after its help.
        assert f"replication.{script}" in _run(scripts / f"keskar-{script}", "--helpfull", cwd=here, expected=1)


def test_the_console_scripts_are_all_the_entry_scripts():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = re.findall(r'^keskar-(\w+) = "replication\.console:(\w+)"$', project, flags=re.MULTILINE)
    entry = sorted(path.stem for path in (ROOT / "replication").glob("*.py")
                   if "entry.run(main)" in path.read_text(encoding="utf-8"))
    assert [name for name, _ in declared] == [name for _, name in declared] == entry == list(console.SCRIPTS)
    with pytest.raises(AttributeError):
        _ = console.nothing


def _imported_by_the_metric():
    """The modules that are loaded where only others than ours and those below are at first."""
    watched = {"flags", "replication", "models", "tests", "tensorflow_datasets", "keras_tuner", "jinja2"}
    for name in [name for name in sys.modules if name.partition(".")[0] in watched]:
        del sys.modules[name]
    import replication.sharpness  # noqa: F401

    return list(sys.modules)


def test_the_metric_imports_no_flags_experiments_or_report():
    loaded = forked.call(_imported_by_the_metric)
    assert "replication.sharpness.metric" in loaded
    for package in ("flags", "replication.experiments", "replication.report", "replication.store",
                    "replication.training", "tensorflow_datasets", "keras_tuner", "jinja2"):
        assert not [name for name in loaded if name == package or name.startswith(package + ".")], package


def test_a_package_of_the_name_of_ours_is_told(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    paths = os.pathsep.join(map(str, (tmp_path, ROOT)))
    finished = subprocess.run([sys.executable, "-c", "import replication"], cwd=tmp_path, capture_output=True,
                              text=True, env={**os.environ, "PYTHONPATH": paths})
    assert f"hidden by another one ({tmp_path / 'models'})" in finished.stderr.splitlines()[-1]


def test_types_of_what_is_public_are_declared():
    for package in ("replication", "models"):
        assert (ROOT / package / "py.typed").exists()
    for function in (sharpness.measure_sharpness, sharpness.SharpnessCallback.__init__, models.build,
                     sharpness.Objective.__init__, sharpness.Objective.value, sharpness.Objective.value_and_gradient):
        parameters = [p for name, p in inspect.signature(function).parameters.items()
                      if name not in ("self", "inputs", "labels", "loss", "variables", "devices", "choices")]
        assert all(p.annotation is not p.empty for p in parameters), function
