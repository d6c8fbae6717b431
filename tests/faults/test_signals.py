"""SIGINT and SIGTERM end a script within a step; the same command goes on."""

import contextlib
import dataclasses
import json
import os
import signal
import sys
import time

import numpy as np
import pytest

from replication import entry, execution, files, records
from replication.configuration.executors import Local
from replication.execution.tasks import is_done
from replication.machine import processors
from tests import forked, scripts
from tests.execution import runs
from tests.execution.runs import Measure, Train

ENDLESS = dataclasses.replace(runs.SMALL, epochs=100_000)
OTHER = dataclasses.replace(ENDLESS, trial=1)

SHORT = runs.merge([Train(runs.SMALL, (2,)), *(Measure((run,), (runs.SHARPNESS,)) for run in (runs.SMALL, runs.LARGE))])
LONG = [Train(ENDLESS), Train(OTHER)]


def _replicate(path, jobs, tasks):
    """The script's own frame around a replication."""
    sys.argv = ["reproduce"]
    entry.run(lambda argv: execution.execute(tasks, records.Workdir.create(path), executor=Local(jobs)))


def _come():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)


def _late():
    # Python drops what is raised there.
    class Late:
        def __del__(self):
            _come()

    Late()


def _turned_into_an_error():
    try:
        _come()
    except KeyboardInterrupt:
        raise SystemError("returned a result with an exception set") from None


def _swallowed():
    with contextlib.suppress(KeyboardInterrupt):
        _come()


def _while_it_cleans_up():
    try:
        _come()
    finally:
        time.sleep(2.5)
        print("clean")


def _twice():
    try:
        _come()
    finally:
        _come()
        print("clean")


def _without_a_signal():
    raise SystemError("of ours")


def _meet_in_script(meets):
    def main(argv):
        meets()
        time.sleep(20)

    sys.argv = ["reproduce"]
    entry.run(main)


def _meet(meets):
    """Returns the exit code and the output of a script that meets with this and goes on for a while."""
    child = forked.Child(_meet_in_script, meets)
    output, errors = child.communicate(timeout=60)
    return child.poll(), output, errors


def _interrupt(process, ready, number, *, group=False):
    while not ready():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    began = time.monotonic()
    (os.killpg if group else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=60)
    return time.monotonic() - began, errors


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_training_ends_within_a_step_and_keeps_its_last_epoch(tmp_path, number, code, survived):
    workdir, config = records.Workdir.create(tmp_path / "work"), tmp_path / "config.json"
    files.write_json(config, {"configuration": ENDLESS.to_json()})
    process = forked.Child(scripts.run_module, "replication.train",
                           [f"--config={config}", f"--workdir={workdir.path}"])
    seconds, errors = _interrupt(process, workdir.run(ENDLESS).state.exists, number)
    assert process.poll() == code and seconds < 20
    assert [line for line in errors.splitlines() if line.startswith("error: ")] == [
        "error: interrupted; the same command goes on from what is on disk"]
    assert "Traceback" not in errors
    assert not list(tmp_path.rglob(".partial-*"))
    with np.load(workdir.run(ENDLESS).state) as state:
        assert json.loads(str(state["history"]))
    survived["interrupts"] += 1


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_replication_ends_with_its_processes(tmp_path, jobs, survived):
    workdir = records.Workdir.create(tmp_path / "work")
    process = forked.Child(_replicate, workdir.path, jobs, LONG, leads=True)
    # As Ctrl-C at a terminal: the whole process group hears it.
    seconds, errors = _interrupt(process, workdir.run(ENDLESS).state.exists, signal.SIGINT, group=True)
    assert process.poll() == 130 and seconds < 20
    assert "Traceback" not in errors
    assert [line for line in errors.splitlines() if line.startswith("error: ")] == [
        "error: interrupted; the same command goes on from what is on disk"]
    _wait_for_the_end_of_group(process.pid)
    with workdir.run(ENDLESS).lock(wait=False):
        assert not list(tmp_path.rglob(".partial-*"))
    survived["interrupts"] += 1


def test_processes_end_with_a_killed_parent(tmp_path, survived, reference):
    workdir = records.Workdir.create(tmp_path)
    process = forked.Child(_replicate, workdir.path, 2, SHORT, leads=True)
    while not workdir.run(runs.SMALL).state.exists() and not workdir.run(runs.SMALL).is_finished:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    _wait_for_the_end_of_group(process.pid, seconds=40)
    assert workdir.runs()[1] == []
    runs.replicate(workdir, SHORT, threads=max(1, processors() // 2))
    assert all(is_done(task, workdir) for task in SHORT)
    found, expected = runs.contents(workdir), runs.contents(reference)
    assert found == {name: expected[name] for name in found}
    survived["kills of a parent"] += 1


@pytest.mark.parametrize("meets", [_late, _turned_into_an_error, _swallowed])
def test_a_signal_is_not_lost(meets, survived):
    code, output, errors = _meet(meets)
    assert (code, output) == (143, "") and "Traceback" not in errors
    assert errors.endswith("error: interrupted; the same command goes on from what is on disk\n")
    survived["interrupts"] += 1


def test_cleaning_up_is_not_interrupted_again():
    code, output, _ = _meet(_while_it_cleans_up)
    assert code == 143 and output == "clean\n"


def test_a_second_signal_ends_the_process_at_once():
    code, output, _ = _meet(_twice)
    assert code == -signal.SIGTERM and output == ""


def test_an_error_without_a_signal_keeps_its_traceback():
    code, _, errors = _meet(_without_a_signal)
    assert code == 1 and "Traceback" in errors and "SystemError: of ours" in errors


def _wait_for_the_end_of_group(leader, *, seconds=10):
    # Python's own tracker of resources ends a moment after the process that started it.
    for _ in range(10 * seconds):
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a process of the group lives on")
