"""What --jit_compile=auto stands for."""

import importlib.resources

import pytest
import tensorflow as tf

from replication import files, records
from replication.training.compilation import jit_compile
from tests.scripts import succeed

TABLE = files.read_json(importlib.resources.files("replication.training") / "jit_compile.json")


@pytest.fixture
def device(monkeypatch):
    """A function that makes this a machine with so many GPUs."""
    return lambda gpus: monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind] * gpus)


def test_every_network_was_measured_on_a_processor():
    assert set(TABLE["CPU"]) >= {"F1", "F2", "C1", "C2", "C3", "C4"}


@pytest.mark.parametrize("network", TABLE["CPU"])
def test_auto_is_what_the_table_says(device, network):
    device(gpus=0)
    assert jit_compile("auto", network) is TABLE["CPU"][network]
    device(gpus=1)
    assert jit_compile("auto", network) is TABLE.get("GPU", {}).get(network, False)


def test_without_an_entry_it_is_off(device, monkeypatch):
    monkeypatch.setattr(files, "read_json", lambda path: {"CPU": {"F1": True}})
    device(gpus=0)
    assert jit_compile("auto", "F1") and not jit_compile("auto", "C1")
    device(gpus=1)
    assert not jit_compile("auto", "F1")


def test_on_and_off_ask_no_table(monkeypatch):
    monkeypatch.setattr(files, "read_json", lambda path: pytest.fail("it was read"))
    assert jit_compile("on", "C1") and not jit_compile("off", "F1")


def test_the_flag_resolves_by_it(tmp_path):
    succeed("train", "--network=F1", "--dataset=digits", "--epochs=0", "--jit_compile=auto", f"--workdir={tmp_path}")
    (record,), _ = records.Workdir.open(tmp_path).runs()
    assert record.configuration.jit_compile is jit_compile("auto", "F1")
