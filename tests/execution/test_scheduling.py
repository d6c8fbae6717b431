"""The order of tasks."""

import dataclasses
import types

from replication.errors import BusyError
from replication.execution.local import Schedule


@dataclasses.dataclass
class Fake:
    name: str
    kind: str = "training"
    after: tuple = ()

    @property
    def run(self):
        return types.SimpleNamespace(name=self.name)


def test_a_task_begins_when_the_runs_it_needs_have_ended():
    schedule = Schedule([Fake("a"), Fake("b", after=("a",)), Fake("a", "sharpness", ("a",)),
                         Fake("b", "path", ("b", "a"))])
    assert (schedule.begin(), schedule.begin()) == (0, None)
    schedule.end(0)
    assert (schedule.begin(), schedule.begin(), schedule.begin()) == (1, 2, None)
    schedule.end(1)
    assert (schedule.begin(), schedule.begin()) == (3, None)


def test_two_tasks_of_a_run_do_not_work_at_the_same_time():
    schedule = Schedule([Fake("a", "sharpness"), Fake("a", "steepness"), Fake("b", "sharpness")])
    assert [schedule.begin() for _ in range(3)] == [0, 2, None]
    schedule.end(0)
    assert schedule.begin() == 1


def test_what_is_postponed_comes_last_and_then_waits_and_so_does_what_needs_it():
    schedule = Schedule([Fake("a"), Fake("a", "sharpness", ("a",)), Fake("b")])
    assert schedule.begin() == 0 and not schedule.waits(0)
    schedule.end(0, BusyError("busy"))
    assert (schedule.begin(), schedule.begin()) == (2, 0) and schedule.waits(0) and not schedule.waits(2)
    assert schedule.begin() is None
    schedule.end(0)
    assert schedule.begin() == 1


def test_runs_that_nobody_trains_here_are_not_waited_for():
    assert Schedule([Fake("a", "sharpness", ("a",))]).begin() == 0
