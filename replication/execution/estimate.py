"""Estimates of the time and the memory that tasks take, from finished runs and from a few timed steps."""

import collections
import dataclasses
import functools
import statistics
import time

import numpy as np

from replication import memory
from replication.catalog import DATASETS
from replication.errors import UserError, is_finite
from replication.execution import tasks
from replication.sharpness.maximizer import Box, maximize
from replication.weights import build_network

# The epochs that a run takes if the stopping rule decides and no finished run tells, as a multiple of its patience.
_EPOCHS_PER_PATIENCE = 4
# An example takes no less time in batches larger than this.
_LARGEST_BATCH = 256
_STEPS = 3
_SOLVER_VARIABLES = 20_000
# A task takes this beside its gradients: its network is built, its functions are traced.
_SECONDS_OF_A_TASK = 3.0
# A process takes this beside its data and activations: TensorFlow itself.
_BYTES_OF_A_PROCESS = 1_000_000_000


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The work that is left of the tasks of one kind and network.

    Attributes:
        network, kind: Their names.
        tasks: The number of tasks.
        done: The number of tasks that are on disk.
        seconds: About how long the others will take.
    """

    network: str
    kind: str
    tasks: int
    done: int
    seconds: float


class Throughput:
    """Estimates of the training speed, the solver's speed and the epochs of runs.

    It uses the finished runs of a workdir, and times a few steps for any network that it has not seen.

    Args:
        workdir: A `records.Workdir`.
    """

    def __init__(self, workdir):
        self._timed = {}
        self._seconds = collections.defaultdict(list)
        self._epochs = collections.defaultdict(list)
        for record in workdir.runs(checksums=False)[0]:
            try:
                run, result = record.configuration, record.result
            except UserError:
                continue
            gradients, seconds, epochs = (
                value if is_finite(value := result.get(name)) and value > 0 else None
                for name in ("gradients", "seconds", "epochs"))
            if gradients and seconds:
                self._seconds[_setup(run)].append(seconds / gradients)
            if run.epochs is None and epochs:
                self._epochs[run.network, run.dataset, run.regime].append(epochs)

    def training_seconds(self, run):
        """Returns the seconds that training of a `configuration.Run` takes for the gradient of one example."""
        key = _setup(run)
        return statistics.median(self._seconds[key]) if key in self._seconds else self._time(run, "adam")

    def evaluation_seconds(self, run):
        """Returns the seconds that f takes for the gradient of one example, in its large batches."""
        # The update of plain SGD takes next to nothing.
        return self._time(dataclasses.replace(run, batch_size=_LARGEST_BATCH, remedy=None, start=None), "sgd")

    def _time(self, run, optimizer):
        key = (*_setup(run), optimizer)
        if key not in self._timed:
            self._timed[key] = time_steps(run, optimizer)
        return self._timed[key]

    def solver_seconds(self, run):
        """Returns the seconds of a maximization from one start in the full space, beside the evaluations of f."""
        return self._solver_seconds_per_variable * _size(run)[0]

    @functools.cached_property
    def _solver_seconds_per_variable(self):
        return time_solver()

    def epochs(self, run):
        """Returns the number of epochs of a run; an estimate if the stopping rule decides it."""
        if run.epochs is not None:
            return run.epochs
        found = self._epochs.get((run.network, run.dataset, run.regime))
        return round(statistics.mean(found)) if found else min(_EPOCHS_PER_PATIENCE * run.patience, run.max_epochs)


def estimate(found, workdir, resolve, *, throughput):
    """Returns the `Estimate`s of some tasks, by network and kind in the order of their first mention.

    Args:
        found: The tasks.
        workdir: A `records.Workdir`.
        resolve: Function from a data set's name to its resolved `catalog.Dataset`.
        throughput: A `Throughput`.
    """
    groups = {}
    for task in found:
        groups.setdefault((task.run.network, task.kind), []).append(task)
    return [Estimate(*key, len(members), sum(tasks.is_done(task, workdir) for task in members),
                     sum(seconds(task, workdir, resolve, throughput=throughput) for task in members))
            for key, members in groups.items()]


def seconds(task, workdir, resolve, *, throughput):
    """Returns about how long a task will take, 0 if it is done; for the arguments see `estimate`."""
    if tasks.is_done(task, workdir):
        return 0.0
    run = task.run
    epochs = throughput.epochs(run)
    each = throughput.training_seconds(run) if task.kind == "training" else throughput.evaluation_seconds(run)
    total = _SECONDS_OF_A_TASK + tasks.gradients(task, workdir, resolve(run.dataset), epochs=epochs) * each
    if ascents := tasks.ascents(task, workdir, epochs=epochs):
        total += ascents * throughput.solver_seconds(run)
    return total


def time_steps(run, optimizer):
    """Times a few steps of plain training on random examples, in batches like a run's but of 256 examples at most.

    XLA is off, because its compilation would take longer than the steps: a run that uses it is faster.

    Args:
        run: A `configuration.Run`.
        optimizer: Keras's name of the optimizer.

    Returns:
        Seconds for the gradient of one example.
    """
    model = build_network(run)
    dataset = DATASETS[run.dataset]
    batch_size = min(run.batch_size, _LARGEST_BATCH)
    generator = np.random.default_rng(0)
    inputs = generator.random((batch_size, *dataset.input_shape), dtype=np.float32)
    labels = generator.integers(run.classes or dataset.classes, size=batch_size)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", jit_compile=False)
    # The first step compiles.
    model.train_on_batch(inputs, labels)
    began = time.perf_counter()
    for _ in range(_STEPS):
        model.train_on_batch(inputs, labels)
    return (time.perf_counter() - began) / (_STEPS * batch_size)


def time_solver():
    """Times a maximization of a convex quadratic, most of which is the solver's own arithmetic.

    Returns:
        Seconds of a maximization from one start, for each variable, beside the evaluations of f.
    """
    generator = np.random.default_rng(0)
    curvature, gradient = generator.random(_SOLVER_VARIABLES), generator.normal(size=_SOLVER_VARIABLES)

    def value_and_gradient(y):
        return float((gradient + curvature * y / 2) @ y), gradient + curvature * y

    found = maximize(value_and_gradient, Box.around(np.zeros(_SOLVER_VARIABLES), 1.0)).seconds
    return (found["total"] - found["objective"]) / _SOLVER_VARIABLES


def fitting_processes(jobs, found, datasets):
    """Returns how many of `jobs` processes the memory holds, at least 1, if any of them may get the largest task.

    Args:
        jobs: Number of processes asked for.
        found: The tasks.
        datasets: Their `data.Data`, by name.
    """
    largest = max((_bytes(task, datasets[task.run.dataset]) for task in found), default=1)
    return max(1, min(jobs, int(memory.available() // largest)))


def _bytes(task, dataset):
    batch = tasks.largest_batch(task, len(dataset.train_labels))
    # Products with the Hessian keep all activations, and tangents of them.
    keeps_all = task.kind != "training" and task.choices[0].KIND == "spectrum"
    parameters, peak = _size(dataclasses.replace(task.run, recompute=False) if keeps_all else task.run)
    peak *= memory.SECOND_DERIVATIVES if keeps_all else 1
    return (_BYTES_OF_A_PROCESS + sum(array.nbytes for array in dataset.arrays) + batch * peak
            + tasks.vector_bytes(task, parameters))


def _size(run):
    """Returns the number of trainable weights, and the bytes that a pass forward and back takes of one example."""
    return _size_of(dataclasses.replace(run, trial=0, remedy=None, start=None))


@functools.cache
def _size_of(run):
    network = build_network(run)
    return (sum(variable.shape.num_elements() for variable in network.trainable_variables),
            memory.peak_bytes(network))


def _setup(run):
    # A small batch leaves a processor idle between its steps, so its size matters.
    return (run.network, run.dataset, run.architecture, min(run.batch_size, _LARGEST_BATCH), run.precision,
            run.jit_compile, run.recompute)
