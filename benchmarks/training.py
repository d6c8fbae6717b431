"""Times an epoch of our training beside plain Keras, PyTorch and a pass, and fills the table of --jit_compile=auto.

    python -m benchmarks.training --output=results.json
    python -m benchmarks.training --networks=F1,C1 --update_table
    python -m benchmarks.training --smoke
"""

import contextlib
import dataclasses
import functools
import math
import pathlib
import statistics

import numpy as np
import tabulate
from absl import flags

from benchmarks import peer, torch_peer
from replication import catalog, configuration, entry, errors, files
from replication.errors import UserError

_NETWORKS = flags.DEFINE_list("networks", ["F1", "F2", "C1", "C2"], "Networks of table 1, separated by commas.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Batch size (the paper's SB: 256).", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Number of interleaved rounds.", lower_bound=1)
_THREADS = flags.DEFINE_integer(
    "threads", None, "Threads within an operation, for both TensorFlow and PyTorch (default: one for each "
    "processor).", lower_bound=1)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file to which the results are written.")
_UPDATE_TABLE = flags.DEFINE_bool(
    "update_table", False, "Record whether XLA was faster in replication/training/jit_compile.json, which "
    "--jit_compile=auto reads.")
_SMOKE = flags.DEFINE_bool(
    "smoke", False, "Use few examples and one round, to show that all comparisons run; the ratios mean nothing.")

# Numbers of batches for which an epoch takes a second or more on two cores.
_BATCHES = {"F1": 60, "F2": 40, "C1": 8, "C2": 2, "C3": 8, "C4": 2}
# These networks differ only in the width of the last layer.
_ALIKE = {"C1": "C3", "C2": "C4", "C3": "C1", "C4": "C2"}
_TABLE = pathlib.Path(__file__).parents[1] / "replication" / "training" / "jit_compile.json"


def main(argv):
    """Measures, prints the table, and writes the files that the flags ask for."""
    networks = _NETWORKS.value
    for network in networks:
        errors.require_name("networks", network, catalog.NETWORKS)
    if _UPDATE_TABLE.value and _SMOKE.value:
        raise UserError("--update_table: not valid with --smoke, whose ratios mean nothing")
    import tensorflow as tf

    from benchmarks import timing
    from replication import machine

    device = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    threads = _THREADS.value or machine.processors()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    rows, faster = [], {}
    for network in networks:
        found, faster[network] = _compare(network, threads, device)
        rows += found
    host = {**timing.host(), "threads": threads, "device": device}
    packages = {**machine.versions(), "torch": torch_peer.version() or "not installed"}
    print(tabulate.tabulate(rows, headers="keys", floatfmt=".3g", missingval="-"))
    print(f"{host['processor']}, {threads} threads, on the {device}; " + ", ".join(
        f"{name} {packages[name]}" for name in ("tensorflow", "keras", "torch")))
    if _OUTPUT.value:
        files.write_json(_OUTPUT.value, {"rows": rows, "machine": host, "versions": packages})
    if _UPDATE_TABLE.value:
        table = files.read_json(_TABLE)
        entries = {name: value for network, value in faster.items()
                   for name in (network, _ALIKE.get(network, network))}
        files.write_json(_TABLE, {**table, device: dict(sorted((table.get(device, {}) | entries).items()))})


def _compare(network, threads, device):
    """Returns the rows of one network, and whether XLA is faster for it."""
    from benchmarks import timing

    batch_size = 32 if _SMOKE.value else _BATCH_SIZE.value
    size = batch_size * (2 if _SMOKE.value else _BATCHES[network])
    inputs, labels, classes = _examples(network, size)
    actions = {
        "off": _ours(network, inputs, labels, classes, batch_size, jit_compile=False),
        "on": _ours(network, inputs, labels, classes, batch_size, jit_compile=True),
        "keras": _plain_keras(network, inputs, labels, classes, batch_size),
        "pass": _pass(network, inputs, labels),
    }
    # PyTorch on the CPU is no peer of TensorFlow on a GPU.
    missing, peers = torch_peer.why_missing(device), {}
    with contextlib.ExitStack() as ended:
        if missing is None:
            try:
                peers["torch"] = _pytorch(ended, network, inputs, labels, classes, batch_size, threads, device)
            except peer.Died as death:
                missing = str(death)
        times, died = timing.interleaved_with_peer(actions, peers, rounds=1 if _SMOKE.value else _ROUNDS.value)
    xla = statistics.median(times["on"]) < statistics.median(times["off"])
    ours = times["on" if xla else "off"]
    title = f"{network} ({'with' if xla else 'without'} XLA)"
    rows = [timing.row(f"{title} : plain Keras fit", ours, times["keras"], goal=1.03)]
    if "torch" in times:
        rows.append(timing.row(f"{title} : PyTorch", ours, times["torch"],
                               goal=1 if network in ("F1", "C1") else None))
    else:
        rows.append(timing.filled_row(f"{title} : PyTorch", f"{statistics.median(ours):.3g} s", missing or died, None))
    rows += [timing.row(f"{network}, a pass of f : the step", times["pass"], ours, goal=1),
             timing.row(f"{network} with XLA : without", times["on"], times["off"])]
    for row in rows:
        row["microseconds an example"] = 1e6 * statistics.median(ours) / size
    return rows, xla


def _examples(network, size):
    generator = np.random.default_rng(0)
    known = catalog.NETWORKS[network]
    inputs = generator.random((size, *known.input_shape), dtype=np.float32)
    return inputs, generator.integers(known.classes, size=size, dtype=np.int32), known.classes


def _ours(network, inputs, labels, classes, batch_size, *, jit_compile):
    import models
    from replication import data
    from replication.training.batches import Examples, training_batches
    from replication.training.compilation import build_training_model

    dataset = catalog.NETWORKS[network].dataset
    resolved = dataclasses.replace(
        catalog.DATASETS[dataset], training_size=len(inputs), test_size=len(inputs), classes=classes,
        input_shape=inputs.shape[1:])
    examples = Examples(data.Data.from_arrays(dataset, (inputs, labels) * 2, resolved=resolved))
    run = configuration.Run(network=network, regime="SB", trial=0, dataset=dataset, batch_size=batch_size,
                            jit_compile=jit_compile, classes=catalog.open_classes(dataset, resolved))
    model = build_training_model(models.build(network), run, examples)
    batches = training_batches(len(inputs), batch_size=batch_size, seed=0)
    steps = math.ceil(len(inputs) / batch_size)
    return lambda: model.fit(batches, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)


def _plain_keras(network, inputs, labels, classes, batch_size):
    import models

    model = models.build(network)
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return lambda: model.fit(inputs, labels, batch_size=batch_size, epochs=1, verbose=0)


def _pass(network, inputs, labels):
    """Returns a function that takes f and its gradient over all examples in one batch."""
    import models
    from replication.sharpness import Objective

    objective = Objective(models.build(network), inputs, labels, batch_size="all")
    return lambda: objective.value_and_gradient(objective.x)


def _pytorch(ended, network, inputs, labels, classes, batch_size, threads, device):
    """Returns the epoch of the faster peer; the `contextlib.ExitStack` ends the process of each."""
    from benchmarks import timing

    layouts = [False, True] if inputs.ndim == 4 else [False]
    peers = [ended.enter_context(contextlib.closing(peer.Peer(
        "benchmarks.torch_training", "TorchTraining", network, inputs, labels, classes=classes, batch_size=batch_size,
        threads=threads, device=device, channels_last=last))) for last in layouts]
    epochs = [functools.partial(each.time, "epoch") for each in peers]
    times = timing.interleaved(dict(enumerate(epochs)), rounds=1)
    return epochs[min(times, key=times.get)]


if __name__ == "__main__":
    entry.run(main)
