"""What a reader is told before and while tasks are carried out."""

import datetime
import sys

import tabulate
import tqdm


class Progress:
    """Tells of each task as it begins: a bar on a terminal, a line a task elsewhere.

    Args:
        tasks: Of `execution.tasks`.
        seconds: What each is estimated to take.
    """

    def __init__(self, tasks, seconds):
        self._tasks = tasks
        self._seconds = seconds
        self._open = dict(enumerate(seconds))
        self._bar = tqdm.tqdm(total=len(tasks), unit="task", disable=not sys.stderr.isatty(), leave=False)

    def begin(self, number):
        """Tells that the task with this number, from 0, begins; tasks may begin in any order, and more than once."""
        left = _duration(sum((self._open | {number: self._seconds[number]}).values()))
        self._open.pop(number, None)
        self._bar.set_postfix_str(f"about {left} left; {self._tasks[number].title}")
        self._bar.update(len(self._tasks) - len(self._open) - 1 - self._bar.n)
        if self._bar.disable and self._seconds[number]:
            self._bar.write(f"[{number + 1}/{len(self._tasks)}] {self._tasks[number].title} (about {left} left)",
                            file=sys.stderr)

    def end(self):
        """Takes the bar away."""
        self._bar.close()


def overview(estimates):
    """A table of `Estimate`s with their sum, as text."""
    rows = [[item.network, item.kind, item.tasks, item.done, _duration(item.seconds)] for item in estimates]
    rows.append(["all", "", sum(item.tasks for item in estimates), sum(item.done for item in estimates),
                 _duration(sum(item.seconds for item in estimates))])
    return tabulate.tabulate(rows, headers=["network", "what", "tasks", "done", "left in one process, about"])


def _duration(seconds):
    """Hours, minutes and seconds."""
    return str(datetime.timedelta(seconds=round(seconds)))
