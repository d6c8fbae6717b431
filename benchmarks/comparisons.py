"""The comparisons of benchmarks/sharpness_pass.py; each returns rows of its table."""

import functools
import statistics

import numpy as np

from benchmarks import memory, peer, problems, timing, torch_peer
from benchmarks.forward_over_backward import ForwardOverBackward
from replication import data
from replication.sharpness.maximizer import Box, maximize

# The pass as a multiple of its matrix products, and so as a share of an epoch of fit that makes the same products.
_PASS_GOAL = 1.48
# A product with the Hessian takes at most so many passes.
_HESSIAN_GOAL = 3
# Both sides sum over the set in float32, in different orders.
_VALUE_TOLERANCE = 1e-5
_GRADIENT_TOLERANCE = 1e-3


def train(model, inputs, labels, *, batch_size, epochs):
    """Trains `model` with plain Keras and returns a function that trains it for another epoch."""
    model.compile("adam", loss="sparse_categorical_crossentropy")

    def fit_epoch():
        model.fit(inputs, labels, batch_size=batch_size, epochs=1, verbose=0)

    for _ in range(epochs):
        fit_epoch()
    return fit_epoch


def passes(objective, fit_epoch, inputs, labels, *, widths, epsilon, batch_size, torch_batch_sizes,
           threads, rounds, product_size=4096):
    """Compares a pass with an epoch of training, with its own matrix products and with PyTorch.

    Args:
        objective: The `Objective` on `inputs` and `labels` with this batch size.
        fit_epoch: Function that trains a network like the objective's for one epoch.
        widths: Widths of the network's layers, as `problems.widths` returns them.
        epsilon: Epsilon of its batch normalization.
        batch_size: Upper bound of the objective's batches.
        torch_batch_sizes: Batch sizes from which PyTorch's best is chosen.
        threads: Threads within an operation.
        rounds: Number of interleaved rounds.
        product_size: Rows of the square matrices whose product gives the rate.

    Returns:
        A list of rows, the rate in GFLOP/s, and the agreement with PyTorch, None if it is not installed.
    """
    x, size = objective.x, objective.size
    flops = problems.product_flops(widths, size)
    product = timing.LargeProduct(product_size, flops=flops)
    forward = ForwardOverBackward(objective.model, inputs, labels, batch_size=batch_size)
    actions = {"pass": lambda: objective.value_and_gradient(x), "fit": fit_epoch, "products": product,
               "hessian": lambda: objective.hessian_product(x, np.ones_like(x)),
               "forward over backward": lambda: forward.product(np.ones_like(x))}
    missing, agreement, peers = torch_peer.why_missing("CPU"), None, {}
    if missing is None:
        order, bounds = data.partition(size, batch_size)
        try:
            torch = peer.Peer("benchmarks.torch_peer", "TorchObjective", x, widths, inputs[order], labels[order],
                              threads=threads, epsilon=epsilon)
            agreement = _agreement(objective.value_and_gradient(x), torch.call("value_and_gradient", bounds))
            best = _fastest(torch, size, torch_batch_sizes)
        except peer.Died as death:
            missing = str(death)
        else:
            peers = {"torch": functools.partial(torch.time, "value_and_gradient", bounds),
                     "torch, best": functools.partial(torch.time, "value_and_gradient",
                                                      data.partition(size, best)[1])}
            if torch_peer.version("curvlinops-for-pytorch"):
                peers["curvlinops"] = functools.partial(torch.time, "hessian_product", bounds)
    times, died = timing.interleaved_with_peer(actions, peers, rounds=rounds)
    if peers:
        torch.close()
    needed = [seconds * flops / product.flops for seconds in times["products"]]
    rows = [
        timing.row("pass : epoch of Keras fit", times["pass"], times["fit"],
                   goal=_PASS_GOAL * statistics.median(needed) / statistics.median(times["fit"])),
        timing.row("pass : its matrix products", times["pass"], needed, goal=_PASS_GOAL),
        timing.row("product with the Hessian : pass", times["hessian"], times["pass"], goal=_HESSIAN_GOAL),
        timing.row("product with the Hessian : forward over backward", times["hessian"],
                   times["forward over backward"], goal=1),
    ]
    if "curvlinops" in times:
        rows.append(timing.row("product with the Hessian : curvlinops", times["hessian"], times["curvlinops"], goal=1))
    else:
        rows.append(timing.filled_row("product with the Hessian : curvlinops",
                                      f"{statistics.median(times['hessian']):.3g} s",
                                      missing or died or "not installed", None, goal=1))
    if "torch" not in times:
        ours = f"{statistics.median(times['pass']):.3g} s"
        rows.append(timing.filled_row("pass : PyTorch", ours, missing or died, None, goal=0.58))
    else:
        rows += [
            timing.row("pass : PyTorch, same batches", times["pass"], times["torch"]),
            timing.row(f"pass : PyTorch, its best batches of {best}", times["pass"], times["torch, best"],
                       goal=0.58),
        ]
    return rows, flops / statistics.median(needed) / 1e9, agreement


def maximizations(objective, *, epsilon, iterations, repetitions):
    """Compares whole maximizations in the full space with as many bare passes.

    A bare pass follows each evaluation, so that both meet the same load of the machine; its time is
    subtracted from that of the maximization.

    Returns:
        A list with the row, and a dictionary for each maximization with what it found.
    """
    x = objective.x
    box = Box.around(x, epsilon)
    bare = []

    def value_and_gradient(y):
        result = objective.value_and_gradient(x + y)
        bare.append(timing.seconds(lambda: objective.value_and_gradient(x)))
        return result

    at_zero = value_and_gradient(np.zeros_like(x))
    totals, passes_alone, found = [], [], []
    for _ in range(repetitions):
        bare.clear()
        maximum = maximize(value_and_gradient, box, iterations=iterations, at_zero=at_zero)
        passes_alone.append(sum(bare))
        totals.append(maximum.seconds["total"] - sum(bare))
        found.append({"loss": at_zero[0], "max_loss": maximum.value, "evaluations": maximum.evaluations,
                      "status": maximum.status, "total": totals[-1], "bare_passes": passes_alone[-1],
                      "objective": maximum.seconds["objective"] - sum(bare)})
    return [timing.row("maximization : evaluations x pass", totals, passes_alone, goal=1.2)], found


def peak_memory(make_problem, n, *, batch_size, iterations, subspace_dims):
    """Returns a row for each space: a measurement's peak memory above model and data, in vectors x, float64 [n]."""
    rows = []
    for dimension in subspace_dims:
        peak = memory.peak_above_model_and_data(make_problem, subspace_dim=dimension, batch_size=batch_size,
                                                iterations=iterations)
        space = f"subspace p = {dimension}" if dimension else "full space"
        rows.append(timing.filled_row(
            f"peak memory above model and data, {space} : x", _mebibytes(peak), _mebibytes(8 * n),
            None if peak is None else peak / (8 * n)))
    return rows


def _agreement(ours, theirs):
    """Returns the relative differences of f and gradient, and whether they are within the tolerances."""
    differences = {
        "value": abs(ours[0] - theirs[0]) / (1 + abs(ours[0])),
        "gradient": float(np.linalg.norm(ours[1] - theirs[1]) / np.linalg.norm(ours[1])),
    }
    agrees = differences["value"] <= _VALUE_TOLERANCE and differences["gradient"] <= _GRADIENT_TOLERANCE
    return {**differences, "agrees": bool(agrees)}


def _fastest(torch, size, batch_sizes):
    actions = {batch_size: functools.partial(torch.time, "value_and_gradient", data.partition(size, batch_size)[1])
               for batch_size in batch_sizes}
    times = timing.interleaved(actions, rounds=2)
    return min(times, key=lambda batch_size: min(times[batch_size]))


def _mebibytes(size):
    return "not available" if size is None else f"{size / 2**20:,.2f} MiB"
