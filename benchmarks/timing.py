"""Ratios of interleaved timings, the rate of a large matrix product, and the machine of both."""

import statistics
import time

import tensorflow as tf

from benchmarks import peer
from replication import machine


def seconds(action):
    """Returns the wall-clock seconds that `action()` takes; those that it tells itself if it returns `peer.Timed`."""
    began = time.perf_counter()
    result = action()
    return result.seconds if isinstance(result, peer.Timed) else time.perf_counter() - began


def interleaved(actions, *, rounds):
    """Times every action once in each round, so that other load of the machine affects all alike.

    Args:
        actions: Dictionary from names to functions without arguments. Each is called once before it is timed, to
            compile and to warm up.
        rounds: Number of rounds.

    Returns:
        A dictionary from the names to a list with the seconds of each round, [rounds].
    """
    for action in actions.values():
        action()
    times = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            times[name].append(seconds(action))
    return times


def interleaved_with_peer(actions, peers, *, rounds):
    """Times actions of this process together with those of peers, as `interleaved` does.

    Args:
        actions, peers: Dictionaries from names to functions without arguments.
        rounds: Number of rounds.

    Returns:
        The times; and None, or the reason why those of the peers are not among them.
    """
    try:
        return interleaved({**actions, **peers}, rounds=rounds), None
    except peer.Died as death:
        return interleaved(actions, rounds=rounds), str(death)


def row(what, ours, theirs, *, goal=None):
    """Returns a row of the table, whose ratio is the median over the rounds of ours / theirs.

    Args:
        what: The two things that are compared.
        ours, theirs: Lists with their seconds in each round.
        goal: The largest ratio that meets the goal; None (default) for no goal.
    """
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return filled_row(what, f"{statistics.median(ours):.3g} s", f"{statistics.median(theirs):.3g} s",
                      statistics.median(ratios), goal=goal, spread=f"{min(ratios):.3g} to {max(ratios):.3g}")


def filled_row(what, ours, theirs, ratio, *, goal=None, spread="-"):
    """Returns a row of the table from the texts of its cells; `ratio` is None if there is no peer."""
    met = "-" if goal is None or ratio is None else "yes" if ratio <= goal else "no"
    return {"what": what, "ours": ours, "peer": theirs, "ratio": ratio, "range": spread, "goal": goal,
            "met": met}


class LargeProduct:
    """A product of two square float32 matrices, repeated until it has about a given number of operations.

    Args:
        size: Number of rows of a matrix.
        flops: Number of floating-point operations to approximate.

    Attributes:
        flops: Number of floating-point operations of a call.
    """

    def __init__(self, size, *, flops):
        self._factors = [tf.random.stateless_uniform([size, size], (0, i), -1.0, 1.0) for i in range(2)]
        self._multiply = tf.function(tf.matmul)
        self._repetitions = max(1, round(flops / (2 * size**3)))
        self.flops = self._repetitions * 2 * size**3

    def __call__(self):
        for _ in range(self._repetitions):
            product = self._multiply(*self._factors)
        # Wait for an asynchronous device.
        product[0, 0].numpy()


def host():
    """Returns the entries of `machine.hardware`, the processor's model first."""
    found = machine.hardware()
    return {"processor": found.pop("processor"), **found}
