"""That the benchmark of training runs and is complete; how fast anything is depends on the machine."""

import json
import pathlib
import sys

import numpy as np
import pytest

import models
from benchmarks import peer, torch_peer
from replication import entry, files
from tests import forked
from tests.scripts import module

ROOT = pathlib.Path(__file__).parents[2]


def _run(*arguments):
    return module("benchmarks.training", "--smoke", *arguments)


def test_every_row_is_complete(tmp_path):
    finished = _run("--networks=F1", f"--output={tmp_path / 'results.json'}")
    assert finished.returncode == 0, finished.stderr
    rows = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["rows"]
    assert len(rows) == 4
    for row in rows:
        assert row["what"].startswith("F1") and row["ours"] and row["peer"] and row["met"] in ("yes", "no", "-")
        assert (row["ratio"] is None) == (row["peer"] == "not installed")


def test_a_smoke_run_never_fills_the_table():
    table = ROOT / "replication" / "training" / "jit_compile.json"
    before = table.read_bytes()
    finished = _run("--networks=F1", "--update_table")
    assert finished.returncode == 1 and "--smoke" in finished.stderr
    assert table.read_bytes() == before


def test_the_table_takes_what_was_faster_and_keeps_the_rest(tmp_path):
    table = tmp_path / "jit_compile.json"
    files.write_json(table, {"TPU": {"F1": True}, "CPU": {"F1": True, "F2": True}})
    child = forked.Child(_without_measuring, table, environment={"CUDA_VISIBLE_DEVICES": ""})
    _, errors = child.communicate()
    assert child.poll() == 0, errors
    assert files.read_json(table) == {"TPU": {"F1": True}, "CPU": {"C1": True, "C3": True, "F1": False, "F2": True}}


def _without_measuring(table):
    from benchmarks import training

    training._TABLE = table
    training._compare = lambda network, threads, device: ([], network == "C1")
    sys.argv[:] = ["training", "--networks=F1,C1", "--update_table"]
    entry.run(training.main)


@pytest.mark.parametrize("installed, cuda, device, reason", [
    (None, False, "CPU", "not installed"), ("2", False, "CPU", None), ("2", False, "GPU", "has no CUDA"),
    ("2", True, "GPU", None)])
def test_the_peer_computes_where_tensorflow_does_or_not_at_all(monkeypatch, installed, cuda, device, reason):
    monkeypatch.setattr(torch_peer, "version", lambda: installed)
    monkeypatch.setattr(torch_peer, "_has_cuda", lambda: cuda)
    assert torch_peer.why_missing(device) == reason


@pytest.mark.parametrize("name", ["F1", "F2", "C1", "C2"])
def test_the_peer_is_the_same_network(name):
    if torch_peer.version() is None:
        pytest.skip("PyTorch is not installed")
    model = models.build(name)
    inputs = np.zeros((1, *model.input_shape[1:]), np.float32)
    torch = peer.Peer("benchmarks.torch_training", "TorchTraining", name, inputs, np.zeros(1, int),
                      classes=model.output_shape[1], batch_size=1, threads=1)
    assert torch.call("count_parameters") == sum(v.numpy().size for v in model.trainable_variables)
    torch.close()
