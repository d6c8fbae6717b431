"""Times a pass of f and its gradient, and a whole maximization, beside named peers in one run.

    python -m benchmarks.sharpness_pass --data_dir=DIR
    python -m benchmarks.sharpness_pass --smoke
"""

import functools

import tabulate
from absl import flags

from benchmarks import problems, torch_peer
from replication import entry, files
from replication.errors import UserError

_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of TensorFlow Datasets (default: TFDS's own).")
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 6000, "Batch size of the passes and of fit (the paper's LB: 6000).", lower_bound=1)
_EPOCHS = flags.DEFINE_integer("epochs", 2, "Epochs of training before anything is timed.", lower_bound=0)
_WEIGHTS = flags.DEFINE_string(
    "weights", None, "File .weights.h5 of F1; f is measured at these weights instead of those that training reaches.")
_EPSILON = flags.DEFINE_float("epsilon", 1e-3, "Size of the box (the paper: 1e-3 and 5e-4).")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Number of interleaved rounds in which a pass is timed.", lower_bound=1)
_MAXIMIZATIONS = flags.DEFINE_integer("maximizations", 3, "Number of repetitions of the maximization.", lower_bound=1)
_THREADS = flags.DEFINE_integer(
    "threads", None, "Threads within an operation, for both TensorFlow and PyTorch (default: one for each "
    "processor).", lower_bound=1)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file to which the results are written.")
_SMOKE = flags.DEFINE_bool(
    "smoke", False, "Use the embedded digits, a small network and one round, to show that all comparisons run; "
    "the ratios mean nothing.")

_ITERATIONS = 10
_NAMED_PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "torch")
_TORCH_BATCH_SIZES = (250, 500, 1000, 2000)
# A smoke test must take seconds; these sizes suit the 1437 digits.
_SMOKE_BATCH_SIZE = 500
_SMOKE_PRODUCT = 256


def main(argv):
    """Measures, prints the table, and writes the results to the file of --output."""
    import tensorflow as tf

    from benchmarks import timing
    from replication import machine

    threads = _THREADS.value or machine.processors()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    rows, rate, agreement, found = _measure(threads)
    host = {**timing.host(), "threads": threads, "gflops": rate}
    packages = {**machine.versions(), "torch": torch_peer.version() or "not installed"}
    print(tabulate.tabulate(rows, headers="keys", floatfmt=".3g", missingval="-"))
    print(f"{host['processor']}, {threads} threads, {rate:.0f} GFLOP/s in a large float32 product")
    print(", ".join(f"{name} {packages[name]}" for name in _NAMED_PACKAGES))
    if _OUTPUT.value:
        files.write_json(_OUTPUT.value, {"rows": rows, "machine": host, "versions": packages,
                                         "agreement": agreement, "maximizations": found})
    if agreement is not None and not agreement["agrees"]:
        raise UserError(
            f"PyTorch computes another function: f differs by {agreement['value']:.2g} and the gradient by "
            f"{agreement['gradient']:.2g}, relative; the rows with PyTorch are void")


def _measure(threads):
    from benchmarks import comparisons
    from replication.sharpness import Objective

    smoke = _SMOKE.value
    batch_size = _SMOKE_BATCH_SIZE if smoke else _BATCH_SIZE.value
    make_problem = functools.partial(problems.f1, data_dir=_DATA_DIR.value, smoke=smoke)
    model, inputs, labels = make_problem()
    fit_epoch = comparisons.train(model, inputs, labels, batch_size=batch_size, epochs=_EPOCHS.value)
    if _WEIGHTS.value:
        _load_weights(model, _WEIGHTS.value)
    objective = Objective(model, inputs, labels, batch_size=batch_size)
    # The objective keeps the present weights as its x, so `model` may be trained further.
    rows, rate, agreement = comparisons.passes(
        objective, fit_epoch, inputs, labels, widths=problems.widths(model),
        epsilon=problems.normalization_epsilon(model), batch_size=batch_size, threads=threads,
        torch_batch_sizes=(batch_size,) if smoke else (*_TORCH_BATCH_SIZES, batch_size),
        rounds=1 if smoke else _ROUNDS.value, product_size=_SMOKE_PRODUCT if smoke else 4096)
    more_rows, found = comparisons.maximizations(
        objective, epsilon=_EPSILON.value, iterations=_ITERATIONS,
        repetitions=1 if smoke else _MAXIMIZATIONS.value)
    rows += more_rows
    rows += comparisons.peak_memory(make_problem, len(objective.x), batch_size=batch_size,
                                    iterations=_ITERATIONS, subspace_dims=(0, 100))
    return rows, rate, agreement, found


def _load_weights(model, path):
    try:
        model.load_weights(path)
    except (OSError, ValueError) as error:
        raise UserError(f"--weights={path}: {str(error).splitlines()[0]}") from None


if __name__ == "__main__":
    entry.run(main)
