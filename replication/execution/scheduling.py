"""Which task may begin, and what becomes of one that has ended: the rules that all executors share."""

from absl import logging

from replication.errors import BusyError


class Schedule:
    """The tasks that have not begun yet, those that have, and the order between them.

    A task begins when the tasks that train the runs of its `after` have ended, well or not: one whose run has failed
    fails at once with the reason. Two tasks of one run do not work at the same time, as the run's lock would let one
    of them wait.

    Args:
        tasks: Of `execution.tasks`.
    """

    def __init__(self, tasks):
        self._tasks = tasks
        self._waiting = list(range(len(tasks)))
        self._running = set()
        self._postponed = set()
        self._failures = {}

    def begin(self):
        """The number of a task that may begin and now counts as running; None where there is none at present."""
        unmade = {self._tasks[number].run.name for number in (*self._waiting, *self._running)
                  if self._tasks[number].kind == "training"}
        busy = {self._tasks[number].run.name for number in self._running}
        for number in self._waiting:
            task = self._tasks[number]
            if task.run.name not in busy and unmade.isdisjoint(task.after):
                self._waiting.remove(number)
                self._running.add(number)
                return number
        return None

    def settle(self, number, error):
        """Takes what `attempt` has returned for a task: it has ended, or is postponed where its run is busy."""
        if isinstance(error, BusyError):
            self.postpone(number)
            return
        self.end(number)
        if error is not None:
            logging.error("%s", error)
            self._failures[number] = str(error)

    def failures(self):
        """The lines of the tasks that have failed, in the tasks' order, each once."""
        return list(dict.fromkeys(line for _, line in sorted(self._failures.items())))

    def end(self, number):
        """A task has ended, well or not."""
        self._running.remove(number)

    def postpone(self, number):
        """Another process works on the task's run: it begins again after all others that may, and then waits."""
        self._running.remove(number)
        self._waiting.append(number)
        self._postponed.add(number)

    def waits(self, number):
        """Whether a task that begins waits for other processes on its run; only one that was postponed does."""
        return number in self._postponed
