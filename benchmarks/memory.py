"""Measures the peak memory of a measurement in a process of its own."""

import concurrent.futures
import multiprocessing
import pathlib

from replication import configuration

_STATUS = pathlib.Path("/proc/self/status")


def peak_above_model_and_data(make_problem, *, subspace_dim, batch_size, iterations):
    """Returns the memory that a measurement of Metric 2.1 adds at its peak to a process with model and data.

    Args:
        make_problem: Function without arguments that returns model, inputs and labels. The new process calls it,
            so it must be a function of a module, or a `functools.partial` of one.
        subspace_dim, batch_size, iterations: Choices of the `configuration.Sharpness`; it has one start.

    Returns:
        The number of bytes, or None if the system has no /proc.
    """
    if not _STATUS.exists():
        return None
    choices = configuration.Sharpness(subspace_dim=subspace_dim, batch_size=batch_size, iterations=iterations,
                                      starts=1)
    # A forked process would begin with the memory of this one.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_measure, make_problem, choices).result()


def _measure(make_problem, choices):
    from replication.sharpness import Objective, compute

    model, inputs, labels = make_problem()
    before = _bytes("VmRSS")
    compute(Objective(model, inputs, labels, batch_size=choices.batch_size), choices)
    # ru_maxrss would include the parent's peak; VmHWM begins with the program.
    return _bytes("VmHWM") - before


def _bytes(name):
    for line in _STATUS.read_text(encoding="utf-8").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)
