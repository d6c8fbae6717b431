"""The peak memory of a measurement, in a process of its own."""

import concurrent.futures
import multiprocessing
import pathlib

from replication import configuration

_STATUS = pathlib.Path("/proc/self/status")


def peak_above_model_and_data(make_problem, *, subspace_dim, batch_size, iterations):
    """What a measurement of Metric 2.1 adds at its peak to a process that holds model and data.

    Args:
        make_problem: A function of a module, without arguments, or its `functools.partial`, that
            returns model, inputs and labels. It is called in the fresh process.
        subspace_dim, batch_size, iterations: As in `configuration.Sharpness`; one start.

    Returns:
        Bytes, or None where the system keeps no /proc.
    """
    if not _STATUS.exists():
        return None
    choices = configuration.Sharpness(subspace_dim=subspace_dim, batch_size=batch_size, iterations=iterations,
                                      starts=1)
    # Not forked: a copy of this process would begin with its memory.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_measure, make_problem, choices).result()


def _measure(make_problem, choices):
    from replication.sharpness import Objective, compute

    model, inputs, labels = make_problem()
    before = _bytes("VmRSS")
    compute(Objective(model, inputs, labels, batch_size=choices.batch_size), choices)
    # ru_maxrss would survive from the parent; VmHWM begins with the program.
    return _bytes("VmHWM") - before


def _bytes(name):
    for line in _STATUS.read_text(encoding="utf-8").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)
