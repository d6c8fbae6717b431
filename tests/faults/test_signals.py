"""SIGINT and SIGTERM end a script within a step; the same command goes on."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from replication import files, records
from replication.machine import processors
from tests.execution import runs
from tests.execution.runs import Measure, Train

ROOT = pathlib.Path(__file__).parent.parent.parent
ENDLESS = dataclasses.replace(runs.SMALL, epochs=100_000)
OTHER = dataclasses.replace(ENDLESS, trial=1)

SHORT = runs.merge(Measure((run,), (runs.SHARPNESS,)) for run in (runs.SMALL, runs.LARGE))
LONG = [Train(ENDLESS), Train(OTHER)]

# The script's own frame around a replication that is small or endless.
_SCRIPT = """
import sys
from replication import entry, records
def main(argv):
    from replication import execution
    from replication.configuration.executors import Local
    from tests.faults.test_signals import LONG, SHORT
    execution.execute({tasks}, records.Workdir.create({path!r}), executor=Local({jobs}))
sys.argv = ["reproduce"]
if __name__ == "__main__":
    entry.run(main)
"""

_LOST = """
import os, signal, sys, time
from replication import entry
def come():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)
def main(argv):
{meets}
    time.sleep(20)
sys.argv = ["reproduce"]
entry.run(main)
"""


def _interrupt(process, ready, number, *, group=False):
    while not ready():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    began = time.monotonic()
    (os.killpg if group else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=60)
    return time.monotonic() - began, errors


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_training_ends_within_a_step_and_keeps_its_last_epoch(tmp_path, number, code, survived):
    workdir, run = records.Workdir.create(tmp_path / "work"), dataclasses.replace(ENDLESS, network="F1")
    config = tmp_path / "config.json"
    files.write_json(config, {"configuration": run.to_json()})
    command = [sys.executable, "-m", "replication.train", f"--config={config}", f"--workdir={workdir.path}"]
    process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seconds, errors = _interrupt(process, workdir.run(run).state.exists, number)
    assert process.returncode == code and seconds < 20
    assert [line for line in errors.splitlines() if line.startswith("error: ")] == [
        "error: interrupted; the same command goes on from what is on disk"]
    assert "Traceback" not in errors
    assert not list(tmp_path.rglob(".partial-*"))
    with np.load(workdir.run(run).state) as state:
        assert json.loads(str(state["history"]))
    survived["interrupts"] += 1


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_replication_ends_with_its_processes(tmp_path, jobs, survived):
    workdir = records.Workdir.create(tmp_path / "work")
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT.format(path=str(workdir.path), jobs=jobs, tasks="LONG"))
    process = subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
                               text=True, stderr=subprocess.PIPE, start_new_session=True)
    # As Ctrl-C at a terminal: the whole process group hears it.
    seconds, errors = _interrupt(process, workdir.run(ENDLESS).state.exists, signal.SIGINT, group=True)
    assert process.returncode == 130 and seconds < 20
    assert "Traceback" not in errors
    assert [line for line in errors.splitlines() if line.startswith("error: ")] == [
        "error: interrupted; the same command goes on from what is on disk"]
    _wait_for_the_end_of_group(process.pid)
    with workdir.run(ENDLESS).lock(wait=False):
        assert not list(tmp_path.rglob(".partial-*"))
    survived["interrupts"] += 1


def test_processes_end_with_a_killed_parent(tmp_path, survived):
    workdir, alone = (records.Workdir.create(tmp_path / name) for name in ("work", "alone"))
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT.format(path=str(workdir.path), jobs=2, tasks="SHORT"))
    process = subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
                               stderr=subprocess.DEVNULL, start_new_session=True)
    while not workdir.run(runs.SMALL).state.exists() and not workdir.run(runs.SMALL).is_finished:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    _wait_for_the_end_of_group(process.pid, seconds=40)
    assert workdir.runs()[1] == []
    for each in (workdir, alone):
        runs.replicate(each, SHORT, threads=max(1, processors() // 2))
    assert runs.contents(workdir) == runs.contents(alone)
    survived["kills of a parent"] += 1


@pytest.mark.parametrize("meets", [
    # Python drops what is raised there.
    "class Late:\n    def __del__(self):\n        come()\nLate()",
    "try:\n    come()\nexcept KeyboardInterrupt:\n    raise SystemError('returned a result with an exception set')",
    "try:\n    come()\nexcept KeyboardInterrupt:\n    pass",
])
def test_a_signal_is_not_lost(tmp_path, meets, survived):
    process = _meet(tmp_path, meets)
    assert process.returncode == 143
    assert process.stderr == "error: interrupted; the same command goes on from what is on disk\n"
    survived["interrupts"] += 1


def test_cleaning_up_is_not_interrupted_again(tmp_path):
    process = _meet(tmp_path, "try:\n    come()\nfinally:\n    time.sleep(2.5)\n    print('clean')")
    assert process.returncode == 143 and process.stdout == "clean\n"


def test_a_second_signal_ends_the_process_at_once(tmp_path):
    process = _meet(tmp_path, "try:\n    come()\nfinally:\n    come()\n    print('clean')")
    assert process.returncode == -signal.SIGTERM and process.stdout == ""


def test_an_error_without_a_signal_keeps_its_traceback(tmp_path):
    process = _meet(tmp_path, "raise SystemError('of ours')")
    assert process.returncode == 1 and "Traceback" in process.stderr and "SystemError: of ours" in process.stderr


def _meet(tmp_path, meets):
    """A script in its frame that does this, `come()` being a SIGTERM, and goes on for a while."""
    script = tmp_path / "script.py"
    script.write_text(_LOST.format(meets=textwrap.indent(meets, "    ")))
    return subprocess.run([sys.executable, str(script)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
                          text=True, capture_output=True, timeout=60)


def _wait_for_the_end_of_group(leader, *, seconds=10):
    # Python's own tracker of resources ends a moment after the process that started it.
    for _ in range(10 * seconds):
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a process of the group lives on")
