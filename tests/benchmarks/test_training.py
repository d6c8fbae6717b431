"""That the benchmark of training runs and is complete; how fast anything is depends on the machine."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import models
from benchmarks import torch_peer

_ROOT = pathlib.Path(__file__).parents[2]


def _run(*arguments):
    return subprocess.run([sys.executable, "-m", "benchmarks.training", "--smoke", *arguments], cwd=_ROOT,
                          capture_output=True, text=True)


def test_every_row_is_complete(tmp_path):
    finished = _run("--networks=F1", f"--output={tmp_path / 'results.json'}")
    assert finished.returncode == 0, finished.stderr
    rows = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["rows"]
    assert len(rows) == 3
    for row in rows:
        assert row["what"].startswith("F1") and row["ours"] and row["peer"] and row["met"] in ("yes", "no", "-")
        assert (row["ratio"] is None) == (row["peer"] == "not installed")


def test_a_smoke_run_never_fills_the_table():
    table = _ROOT / "replication" / "training" / "jit_compile.json"
    before = table.read_bytes()
    finished = _run("--networks=F1", "--update_table")
    assert finished.returncode == 1 and "--smoke" in finished.stderr
    assert table.read_bytes() == before


@pytest.mark.parametrize("name", ["F1", "F2", "C1", "C2"])
def test_the_peer_is_the_same_network(name):
    if torch_peer.version() is None:
        pytest.skip("PyTorch is not installed")
    from benchmarks.torch_training import TorchTraining

    model = models.build(name)
    inputs = np.zeros((1, *model.input_shape[1:]), np.float32)
    peer = TorchTraining(name, inputs, np.zeros(1, int), classes=model.output_shape[1], batch_size=1, threads=1)
    assert peer.parameters == sum(v.numpy().size for v in model.trainable_variables)
