"""How long the tasks that are left will take, from measured throughput."""

import collections
import dataclasses
import functools
import statistics

from replication.errors import UserError
from replication.execution.footprint import parameters
from replication.training.timing import LARGEST_BATCH

# Where the stopping rule decides and no run tells: a share of its upper bound.
_SHARE_OF_MAX_EPOCHS = 0.5


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What is left of the tasks of one kind and network.

    Attributes:
        network, kind: Names.
        tasks: Their number.
        done: How many of them are on disk.
        seconds: For the others, about.
    """

    network: str
    kind: str
    tasks: int
    done: int
    seconds: float


class Throughput:
    """Seconds of training for the gradient of an example, those of the maximizer itself, and the epochs that runs take.

    Of training from the finished runs of a workdir where there are such; otherwise some steps of it are timed
    once for each network and batch size.

    Args:
        workdir: A `records.Workdir`.
        time_steps: Function from a `configuration.Run` to seconds for the gradient of one example.
        time_solver: Function to the seconds that a maximization takes for each variable beside the passes of f.
    """

    def __init__(self, workdir, time_steps, time_solver):
        self._time_steps = time_steps
        self._time_solver = time_solver
        self._timed = {}
        self._seconds = collections.defaultdict(list)
        self._epochs = collections.defaultdict(list)
        for record in workdir.runs(checksums=False)[0]:
            try:
                run, result = record.configuration, record.result
            except UserError:
                continue
            if result.get("gradients") and result.get("seconds"):
                self._seconds[_setup(run)].append(result["seconds"] / result["gradients"])
            if run.epochs is None:
                self._epochs[run.network, run.dataset, run.regime].append(result["epochs"])

    def passes(self, run):
        """For the gradient of one example in a pass of f at a run's minimizer, whose batches are large."""
        return self.seconds(dataclasses.replace(run, batch_size=LARGEST_BATCH, remedy=None, start=None))

    def seconds(self, run):
        """For the gradient of one example in training of a `configuration.Run`."""
        key = _setup(run)
        if key in self._seconds:
            return statistics.median(self._seconds[key])
        if key not in self._timed:
            self._timed[key] = self._time_steps(run)
        return self._timed[key]

    def solver(self, run):
        """Beside the passes of f, for a maximization from one start in the full space of a run's weights."""
        return self._seconds_of_a_variable * parameters(run)

    @functools.cached_property
    def _seconds_of_a_variable(self):
        return self._time_solver()

    def epochs(self, run):
        """Those of a run; of one that the stopping rule ends, those expected."""
        if run.epochs is not None:
            return run.epochs
        found = self._epochs.get((run.network, run.dataset, run.regime))
        return round(statistics.mean(found)) if found else max(1, round(_SHARE_OF_MAX_EPOCHS * run.max_epochs))


def estimate(tasks, workdir, describe, throughput):
    """The `Estimate`s of some tasks, by network and kind in the order of their first mention.

    Args:
        tasks: Of `execution.tasks`.
        workdir: A `records.Workdir`.
        describe: Function from a data set's name to its `catalog.Dataset` with nothing left open.
        throughput: A `Throughput`.
    """
    groups = {}
    for task in tasks:
        groups.setdefault((task.run.network, task.kind), []).append(task)
    return [_estimate(key, members, workdir, describe, throughput) for key, members in groups.items()]


def seconds(task, workdir, describe, throughput):
    """About how long a task will take; 0 where it is done."""
    if task.is_done(workdir):
        return 0.0
    epochs = throughput.epochs(task.run)
    gradients = task.gradients(workdir, describe(task.run.dataset), epochs)
    total = gradients * (throughput.seconds if task.kind == "training" else throughput.passes)(task.run)
    if ascents := task.ascents(workdir, epochs):
        total += ascents * throughput.solver(task.run)
    return total


def _estimate(key, members, workdir, describe, throughput):
    done = sum(task.is_done(workdir) for task in members)
    return Estimate(*key, len(members), done, sum(seconds(task, workdir, describe, throughput) for task in members))


def _setup(run):
    # A small batch leaves a processor idle between its steps: the size is a part of it.
    return (run.network, run.dataset, run.architecture, min(run.batch_size, LARGEST_BATCH), run.precision,
            run.jit_compile)
