"""Tasks in several processes."""

import dataclasses
import os
import signal
import threading
import time

import pytest
from absl import logging

from replication import configuration, execution, records, remedies
from replication.configuration.executors import Local
from replication.execution import processes, tasks
from replication.execution.estimate import fitting_processes
from replication.machine import processors
from tests import forked
from tests.execution import runs
from tests.execution.runs import Measure, Train


@pytest.fixture
def forked_workers(monkeypatch):
    """Workers that need not import TensorFlow; the tests of kills, output and signals start them as users do."""
    context = forked.context()
    monkeypatch.setattr(processes.multiprocessing, "get_context", lambda method=None: context)


def test_the_records_are_those_of_one_process(tmp_path, monkeypatch, forked_workers, reference):
    together = records.Workdir.create(tmp_path)
    events = []
    assert execution.execute(
        runs.TASKS, together, executor=Local(2), begin=lambda number: events.append((number, "begins")),
        end=lambda number: events.append((number, "ends")), meanwhile=lambda: events.append("meanwhile")) == []
    each = [event for event in events if event != "meanwhile"]
    assert sorted(each) == [(number, what) for number in range(len(runs.TASKS)) for what in ("begins", "ends")]
    assert all(each.index((number, "begins")) < each.index((number, "ends")) for number in range(len(runs.TASKS)))
    # No more than two at a time, by what `begin` and `end` tell; and what comes last can be drawn.
    running = [sum(1 if what == "begins" else -1 for _, what in each[:stop + 1]) for stop in range(len(each))]
    assert max(running) == 2 and events[-1] == "meanwhile"
    assert runs.contents(together) == runs.contents(reference)
    threads = max(1, processors() // 2)
    assert together.run(runs.SMALL).config["machine"]["intra_op_threads"] == threads
    # A task that is left alone has as many threads.
    together.run(runs.SMALL).measurement(runs.SHARPNESS).unlink()
    assert execution.execute(runs.TASKS, together, executor=Local(2)) == []
    assert runs.contents(together) == runs.contents(reference)
    # What is done needs no process.
    monkeypatch.setattr(processes.Worker, "_start", pytest.fail)
    ended = []
    assert execution.execute(runs.TASKS, together, executor=Local(2), end=ended.append) == []
    assert ended == list(range(len(runs.TASKS)))


def test_failures_are_those_of_one_process(tmp_path, forked_workers):
    found = runs.merge([Train(runs.DIVERGING), Train(runs.LARGE), Measure((runs.DIVERGING,), (runs.SHARPNESS,))])
    workdir = records.Workdir.create(tmp_path)
    first, second = execution.execute(found, workdir, executor=Local(2))
    assert "became" in first and second.endswith("not finished, so there is no minimizer to measure")
    assert workdir.run(runs.LARGE).is_finished


@pytest.mark.parametrize("kills", [1, 3])
def test_a_task_whose_process_is_killed_is_tried_again_at_most_twice(tmp_path, kills, monkeypatch, request):
    if kills == 1:
        request.getfixturevalue("forked_workers")
    victims, original = [], processes.Worker._start

    def start(self):
        original(self)
        if len(victims) < kills:
            victims.append(self._process.pid)
            threading.Timer(0.1, os.kill, (self._process.pid, signal.SIGKILL)).start()

    monkeypatch.setattr(processes.Worker, "_start", start)
    workdir = records.Workdir.create(tmp_path)
    run = dataclasses.replace(runs.LARGE, epochs=0)
    problems = processes.execute([Train(run)], workdir, jobs=1)
    assert len(victims) == kills
    if kills == 1:
        assert not problems and workdir.run(run).is_finished
    else:
        assert len(problems) == 1 and "its process died (SIGKILL), 3 times" in problems[0]


def test_a_process_that_cannot_start_says_so(tmp_path, monkeypatch):
    context = forked.context()

    def refuse(self):
        raise OSError("out of processes")

    monkeypatch.setattr(context.Process, "start", refuse)
    monkeypatch.setattr(processes.multiprocessing, "get_context", lambda method=None: context)
    with pytest.raises(OSError, match="out of processes"):
        processes.execute([Train(runs.LARGE)], records.Workdir.create(tmp_path), jobs=1)


def test_an_error_of_ours_shows_its_traceback(tmp_path, forked_workers):
    workdir = records.Workdir.create(tmp_path)
    broken = Train(runs.LARGE, keep=None)
    with pytest.raises(RuntimeError, match="(?s)train S3-LB.*Traceback.*TypeError"):
        processes.execute([broken], workdir, jobs=1)


def test_a_worker_ends_with_its_task_within_a_step(tmp_path, forked_workers):
    endless = dataclasses.replace(runs.SMALL, epochs=100_000)
    workdir = records.Workdir.create(tmp_path)
    busy = processes.Worker(workdir.path, None, threads=1)
    busy.begin(Train(endless), wait=True)
    while not workdir.run(endless).state.exists():
        time.sleep(0.05)
    began = time.monotonic()
    busy.terminate()
    busy.join()
    assert time.monotonic() - began < 10
    assert not list(tmp_path.rglob(".partial-*"))


@pytest.mark.parametrize("free, number", [(1e9, 1), (2.5e9, 2), (1e12, 8)])
def test_no_more_processes_than_the_memory_holds(free, number, monkeypatch):
    from replication import data, memory

    monkeypatch.setattr(memory, "available", lambda: free)
    assert fitting_processes(8, [Train(runs.SMALL)], {"digits": data.load("digits")}) == number


def test_the_largest_batch_is_of_the_examples_that_are_measured():
    for choice, expected in ((configuration.Sharpness(), 5000), (configuration.Sharpness(batch_size="all"), 60_000),
                             (configuration.Sharpness(batch_size="all", examples=10_000), 10_000),
                             (configuration.Sharpness(examples=500), 500),
                             # Its attacks pass the test set.
                             (configuration.Robustness(examples=500), 5000)):
        assert tasks.largest_batch(Measure((runs.SMALL,), (choice,)), 60_000) == expected
    assert tasks.largest_batch(Train(runs.SMALL), 3) == 3
    with_parts = dataclasses.replace(runs.SMALL, batch_size=1000, remedy=remedies.SharpnessAware(examples=20))
    assert tasks.largest_batch(Train(with_parts), 60_000) == 20


def test_the_vectors_of_a_maximization_take_memory():
    """L-BFGS-B's workspace, and A of a subspace as far as it is stored."""
    number = 10_000_000
    for choice, expected in ((configuration.Sharpness(), 200 * number),
                             (configuration.Sharpness(subspace_dim=10), 40 * number),
                             (configuration.Sharpness(subspace_dim=1000), 2**30)):
        assert tasks.vector_bytes(Measure((runs.SMALL,), (choice,)), number) == expected


def test_processes_say_nothing_but_their_results(tmp_path, capfd):
    """Neither absl's complaint about flags nor a traceback of their end."""
    level = logging.get_verbosity()
    logging.set_verbosity(logging.INFO)
    try:
        found = runs.merge([Measure((runs.LARGE,), (runs.SHARPNESS,))])
        assert execution.execute(found, records.Workdir.create(tmp_path), executor=Local(2)) == []
    finally:
        logging.set_verbosity(level)
    said = capfd.readouterr().err
    assert f"\n{runs.LARGE.name}, epoch 1: sharpness " in said
    assert "flag parsing" not in said and "Traceback" not in said
