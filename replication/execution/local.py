"""Carries out tasks in this process, one after the other, by the rules that all executors share."""

import datetime
import sys
import time

import tabulate
import tqdm
from absl import logging

from replication import data, records
from replication.errors import BusyError, MissingDataError, UserError, one_line
from replication.execution import tasks


def execute(found, workdir, *, data_dir=None, begin=None, end=None, meanwhile=None):
    """Carries out the tasks that are not on disk yet.

    A task that fails does not stop the others, unless its data are missing. A task whose run another process works on
    comes last.

    Args:
        found: The tasks, each after those that it needs.
        workdir: A `records.Workdir`.
        data_dir: TFDS's folder; None for its default.
        begin, end: Functions that are called with the number of each task, from 0, before it begins and after it has
            ended, well or not; None for none.
        meanwhile: Function that is called whenever tasks have begun or ended, while others may run; None for none.

    Returns:
        One line for each task that failed, in order.

    Raises:
        MissingDataError: a data set that is needed is not prepared; nothing has been started then.
    """
    datasets = load_all(tasks.pending(found, workdir), data_dir)
    schedule = Schedule(found)
    while (number := schedule.begin()) is not None:
        if begin is not None:
            begin(number)
        error = run_task(found[number], workdir.path, data_dir=data_dir, wait=schedule.waits(number),
                         load=lambda name, _: datasets[name])
        schedule.end(number, error)
        if end is not None:
            end(number)
        if meanwhile is not None:
            meanwhile()
    return schedule.failures()


def load_all(found, data_dir):
    """Loads the data sets of some tasks.

    Returns:
        The `data.Data`, by name.

    Raises:
        MissingDataError: one of them is not prepared.
    """
    return {name: data.load(name, data_dir) for name in sorted({task.run.dataset for task in found})}


def run_task(task, folder, *, data_dir=None, wait=True, load=data.load):
    """Carries out one task, in whatever process.

    Args:
        task: The task.
        folder: Path of the workdir.
        data_dir: TFDS's folder; None for its default.
        wait: Whether to wait for another process that works on the same run.
        load: Function like `data.load`.

    Returns:
        None, or the `UserError` with which the task failed. A `BusyError` says that it is to be tried again.

    Raises:
        MissingDataError: the data set is not prepared.
    """
    try:
        tasks.execute(task, records.Workdir(folder), load, data_dir=data_dir, wait=wait)
    except MissingDataError:
        raise
    except UserError as error:
        return error
    except MemoryError as error:
        return UserError(f"{task.title}: not enough memory: {one_line(error)}")
    except OSError as error:
        if error.filename is None:
            raise
        return UserError(f"{error.filename}: {error.strerror}")
    return None


class Schedule:
    """The order of some tasks: which of them wait, which run, and which have failed.

    A task begins after the tasks that train the runs of its `after` have ended, well or not: one whose run has failed
    fails at once, with a line that names the run. Two tasks of one run do not run at the same time, because one of them
    would wait for the run's lock.

    Args:
        found: The tasks.
    """

    def __init__(self, found):
        self._tasks = found
        self._waiting = list(range(len(found)))
        self._running = set()
        self._postponed = set()
        self._failures = {}

    def begin(self):
        """Returns the number of a task that may begin, and counts it as running; None if there is none at present."""
        untrained = {self._tasks[number].run.name for number in (*self._waiting, *self._running)
                     if self._tasks[number].kind == "training"}
        busy = {self._tasks[number].run.name for number in self._running}
        for number in self._waiting:
            task = self._tasks[number]
            if task.run.name not in busy and untrained.isdisjoint(task.after):
                self._waiting.remove(number)
                self._running.add(number)
                return number
        return None

    def end(self, number, error=None):
        """Ends a task, well or with an error; after a `BusyError` it is postponed and begins again after all others.

        Args:
            number: The number of the task.
            error: The result of `run_task`.
        """
        self._running.remove(number)
        if isinstance(error, BusyError):
            self._waiting.append(number)
            self._postponed.add(number)
        elif error is not None:
            logging.error("%s", error)
            self._failures[number] = str(error)

    def failures(self):
        """Returns the messages of the failed tasks in the tasks' order, each once."""
        return list(dict.fromkeys(line for _, line in sorted(self._failures.items())))

    def waits(self, number):
        """Whether a task waits for other processes that work on its run; only a postponed task does."""
        return number in self._postponed


class Progress:
    """Displays each task as it begins: a bar on a terminal, a line for each task elsewhere.

    Args:
        found: The tasks.
        seconds: The estimated duration of each.
        parts: The number of each task's part, see `configuration.tasks.arrange`; None (default) for a single part.
        processes: The number of processes that divide the tasks.
    """

    def __init__(self, found, seconds, parts=None, *, processes=1):
        self._tasks = found
        self._seconds = seconds
        self._processes = processes
        self._parts = parts or [0] * len(found)
        self._unfinished = set(range(len(found)))
        self._begun = {}
        self._bar = tqdm.tqdm(total=len(found), unit="task", disable=not sys.stderr.isatty(), leave=False)

    def begin(self, number):
        """Displays that a task begins, by its number from 0; tasks may begin in any order, and more than once."""
        self._unfinished.add(number)
        self._begun[number] = time.monotonic()
        left = _duration(self._left())
        self._bar.set_postfix_str(f"about {left} left; {self._tasks[number].title}")
        self._bar.update(len(self._tasks) - len(self._unfinished) - self._bar.n)
        if self._bar.disable and self._seconds[number]:
            self._bar.write(f"[{number + 1}/{len(self._tasks)}] {self._tasks[number].title} (about {left} left)",
                            file=sys.stderr)

    def end(self, number):
        """Takes note that a task has ended; returns whether that completes a part of which something was left to do."""
        self._unfinished.discard(number)
        self._begun.pop(number, None)
        part = {other for other in range(len(self._tasks)) if self._parts[other] == self._parts[number]}
        return part.isdisjoint(self._unfinished) and any(self._seconds[other] for other in part)

    def _left(self):
        """Returns about how many seconds are left, at least those of the longest task, which is one process's."""
        now = time.monotonic()
        each = [max(0.0, self._seconds[number] - (now - self._begun.get(number, now))) for number in self._unfinished]
        return max(sum(each) / self._processes, *each, 0.0)

    def write(self, text):
        """Prints lines to stdout, above the bar."""
        self._bar.write(text, file=sys.stdout)
        sys.stdout.flush()

    def close(self):
        """Removes the bar."""
        self._bar.close()


def overview(estimates, processes=1):
    """Returns a table of `estimate.Estimate`s with their sum, as text.

    Args:
        estimates: The estimates.
        processes: The number of processes that divide the tasks.
    """
    rows = [[item.network, item.kind, item.tasks, item.done, _duration(item.seconds / processes)] for item in estimates]
    rows.append(["all", "", sum(item.tasks for item in estimates), sum(item.done for item in estimates),
                 _duration(sum(item.seconds for item in estimates) / processes)])
    where = "one process" if processes == 1 else f"{processes} processes"
    return tabulate.tabulate(rows, headers=["network", "what", "tasks", "done", f"left in {where}, about"])


def _duration(seconds):
    """Returns hours, minutes and seconds as text."""
    return str(datetime.timedelta(seconds=round(seconds)))
