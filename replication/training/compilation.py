"""Whether XLA compiles the training step: a choice by measurement, not by stopwatch."""

import importlib.resources

import tensorflow as tf

from replication import files

MODES = ("auto", "on", "off")


def jit_compile(mode, network):
    """Resolves a choice of XLA to a truth value.

    Args:
        mode: "on", "off", or "auto" for what `benchmarks/training.py` measured for this network on
            this kind of device (the table jit_compile.json; off where it has no entry).
        network: A name of table 1.
    """
    if mode != "auto":
        return mode == "on"
    table = files.read_json(importlib.resources.files("replication.training") / "jit_compile.json")
    device = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    return table.get(device, {}).get(network, False)
