"""That the benchmark runs and is complete; how fast anything is depends on the machine."""

import json
import types

import numpy as np
import pytest

from benchmarks import memory, problems, torch_peer
from benchmarks.forward_over_backward import ForwardOverBackward
from replication.sharpness import Objective
from tests import forked
from tests.scripts import run_module


def _smoke(arguments):
    # Its processes begin with little memory of their own in the tests too.
    context = forked.nested()
    memory.multiprocessing = types.SimpleNamespace(get_context=lambda method: context)
    run_module("benchmarks.sharpness_pass", arguments)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    output = tmp_path_factory.mktemp("benchmark") / "results.json"
    child = forked.Child(_smoke, ["--smoke", f"--output={output}"])
    _, errors = child.communicate()
    assert child.poll() == 0, errors
    return json.loads(output.read_text(encoding="utf-8"))


def test_every_row_is_complete(results):
    assert len(results["rows"]) == (9 if torch_peer.version() is None else 10)
    for row in results["rows"]:
        assert row["what"] and row["ours"] and row["peer"]
        assert row["met"] in ("yes", "no", "-")
        assert row["range"]
        absent = row["peer"] == "not installed" or row["ours"] == "not available"
        assert (row["ratio"] is None) == absent


def test_pytorch_computes_the_same(results):
    if torch_peer.version() is None:
        pytest.skip("PyTorch is not installed")
    assert results["agreement"]["agrees"]


def test_forward_over_backward_computes_the_same():
    model, inputs, labels = problems.f1(smoke=True)
    objective = Objective(model, inputs, labels, batch_size=500)
    direction = np.random.default_rng(0).normal(size=len(objective.x))
    product = objective.hessian_product(objective.x, direction)
    other = ForwardOverBackward(model, inputs, labels, batch_size=500).product(direction)
    assert np.linalg.norm(other - product) < 1e-5 * np.linalg.norm(product)


def test_names_the_machine(results):
    assert results["machine"]["processor"]
    assert results["machine"]["threads"] >= 1
    assert results["machine"]["gflops"] > 0


def test_the_products_of_a_pass_are_counted_exactly():
    # Two layers 3 -> 4 -> 5 and 7 examples: forward 12 + 20, by kernels 12 + 20, by hidden units 20.
    assert problems.product_flops([3, 4, 5], 7) == 2 * 7 * (32 + 32 + 20)
