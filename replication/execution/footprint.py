"""How many processes the memory holds."""

import dataclasses
import functools

from replication import memory
from replication.weights import build_network

# Of a process beside its data and activations: TensorFlow itself.
_BYTES_OF_A_PROCESS = 1_000_000_000


def fitting_processes(jobs, tasks, datasets):
    """How many of `jobs` processes the memory holds, at least 1, where any may get the largest of the tasks.

    Args:
        jobs: Number of processes asked for.
        tasks: Of `execution.tasks`.
        datasets: Their `data.Data`, by name.
    """
    largest = max((_bytes(task, datasets[task.run.dataset]) for task in tasks), default=1)
    return max(1, min(jobs, int(memory.available() // largest)))


def parameters(run):
    """n, the number of trainable weights of a run's network."""
    return _size(run)[0]


def _bytes(task, dataset):
    batch = min(task.largest_batch(), len(dataset.train_labels))
    number, peak = _size(task.run)
    return (_BYTES_OF_A_PROCESS + sum(array.nbytes for array in dataset.arrays) + batch * peak
            + task.vector_bytes(number))


def _size(run):
    """n, and the bytes that a pass forward and back takes of one example at most."""
    return _size_of(dataclasses.replace(run, trial=0, remedy=None, start=None))


@functools.cache
def _size_of(run):
    network = build_network(run)
    return (sum(variable.shape.num_elements() for variable in network.trainable_variables),
            memory.peak_bytes(network))
