"""The two kinds of task of a replication, as configurations: any process with the workdir can carry them out.

A schedule tells after which epochs of a run its iterates are kept and measured. It is a whole number: k >= 1 stands for
every k-th epoch, k, 2k, ...; 0 for the powers of two, 1, 2, 4, ..., and the last epoch. Or it is STOPS, for the epochs
at which the run would have ended by each of its stops, which are known at its end; or START, for x_0 alone.
"""

import dataclasses
import itertools

from replication.configuration.run import Run
from replication.errors import is_whole, require

STOPS = "stops"
START = "start"


@dataclasses.dataclass(frozen=True)
class Train:
    """A run is trained.

    Attributes:
        run: The `Run`.
        keep: Schedules of the iterates that are kept, see `configuration.tasks`.
    """

    run: Run
    keep: tuple = ()

    kind = "training"

    @property
    def after(self):
        """Names of the runs that must be finished before."""
        return () if self.run.start is None else (self.run.start.run,)

    @property
    def title(self):
        """The task for readers, in a line."""
        run = self.run
        particular = ", ".join(filter(None, (
            run.peculiarities, f"batches of {run.batch_size:,}" if run.regime == "grid" else "")))
        return f"train {run.name} ({particular})" if particular else f"train {run.name}"


@dataclasses.dataclass(frozen=True)
class Measure:
    """A task that measures one or two finished runs, once for each of several choices.

    Attributes:
        runs: The `Run` at whose minimizer it is measured, or the two that a path joins, as a tuple.
        choices: `configuration.measurements.Measurement`s of one kind, as a tuple.
        at: Schedule of the iterates to measure instead of the minimizer; x_0 is measured too, except with STOPS. By
            default None, which measures the minimizer.
    """

    runs: tuple
    choices: tuple
    at: int | str | None = None

    @property
    def run(self):
        """The first of the runs, which decides the network and the data."""
        return self.runs[0]

    @property
    def kind(self):
        """One word for lists: that of the choices, or "iterates"."""
        return self.choices[0].KIND if self.at is None else "iterates"

    @property
    def after(self):
        """Names of the runs that must be finished before."""
        return tuple(run.name for run in self.runs)

    @property
    def title(self):
        """The task for readers, in a line."""
        where = " to ".join(run.name for run in self.runs)
        return f"measure the {self.choices[0].KIND} of {'' if self.at is None else 'the iterates of '}{where}"


def merge(tasks):
    """Merges tasks: returns every task needed, once, after the tasks on which it depends.

    A run that is measured is trained before. A run is trained once, with all its schedules, and after the run at whose
    iterate it starts. Measurements of the same runs and kind become one task.

    Args:
        tasks: Iterable of `Train` and `Measure`.

    Returns:
        A list, first of `Train`, then of `Measure`.
    """
    keep, choices = {}, {}
    for task in tasks:
        if isinstance(task, Train):
            keep.setdefault(task.run, {}).update(dict.fromkeys(task.keep))
        else:
            for run in task.runs:
                keep.setdefault(run, {}).update({} if task.at is None else {task.at: None})
            choices.setdefault((task.runs, task.at, task.kind), {}).update(dict.fromkeys(task.choices))
    return [*(Train(run, tuple(keep[run])) for run in _by_start(keep)),
            *(Measure(runs, tuple(found), at) for (runs, at, _), found in choices.items())]


def arrange(parts):
    """The merged tasks of several parts of a replication, those of the first part first.

    Args:
        parts: Lists of `Train` and `Measure`. A task that several parts need belongs to the first of them.

    Returns:
        The tasks, and the number of each one's part, from 0, as two lists.
    """
    numbers = {}
    for number, part in enumerate(parts):
        for task in merge(part):
            numbers.setdefault(_identity(task), number)
    tasks = sorted(merge(itertools.chain.from_iterable(parts)), key=lambda task: numbers[_identity(task)])
    return tasks, [numbers[_identity(task)] for task in tasks]


def runs(tasks):
    """The `Run`s of some tasks, each once, in the order of `merge`."""
    return tuple(task.run for task in merge(tasks) if isinstance(task, Train))


def require_schedule(name, schedule):
    """Raises a UserError unless `schedule` is a schedule."""
    require(schedule in (STOPS, START) or is_whole(schedule, 0), name, schedule,
            "a whole number of at least 0 (k: every k-th epoch; 0: powers of two and the last)")


def contains(schedule, epoch):
    """Whether a schedule has an epoch of at least 1, or may have it, if it is not known whether that is the last."""
    if schedule in (STOPS, START):
        return schedule == STOPS
    return epoch % schedule == 0 if schedule else epoch.bit_count() == 1


def scheduled_epochs(schedules, last, stops=()):
    """Returns the epochs that any of `schedules` has in a run of `last` epochs with some `stops`, in increasing order.

    >>> scheduled_epochs([0], 6), scheduled_epochs([2, 3], 7)
    ([1, 2, 4, 6], [2, 3, 4, 6])
    """
    def asks(schedule, epoch):
        if schedule in (STOPS, START):
            return schedule == STOPS and epoch in stops
        return contains(schedule, epoch) or schedule == 0 and epoch == last

    return [epoch for epoch in range(1, last + 1) if any(asks(schedule, epoch) for schedule in schedules)]


def measured_epochs(schedule, last, stops=()):
    """Returns the epochs whose iterates a schedule measures: 0, because x_0 is always kept, and its own epochs.

    With STOPS they are the `stops` alone.

    >>> measured_epochs(0, 6)
    [0, 1, 2, 4, 6]
    """
    return [*([0] if schedule != STOPS else []), *scheduled_epochs([schedule], last, stops)]


def _identity(task):
    """What remains of a task when others are merged into it."""
    return task.run if isinstance(task, Train) else (task.runs, task.at, task.kind)


def _by_start(runs):
    """The same runs, each after the one at whose iterate it starts."""
    by_name = {run.name: run for run in runs}

    def ancestors(run):
        return 0 if run.start is None or run.start.run not in by_name else 1 + ancestors(by_name[run.start.run])

    return sorted(runs, key=ancestors)
