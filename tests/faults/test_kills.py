"""kill -9 at any moment: the same command goes on, and ends with the records of an undisturbed run."""

import dataclasses
import json
import random
import shutil
import signal

import numpy as np
import pytest

from replication import data, records, remedies
from replication.configuration import Train
from replication.data import cache, loading
from tests.execution import runs

children = pytest.importorskip("tests.faults.children", reason="this system has no limits of resources")

_KILLS = 8


def test_replication_killed_at_random(tmp_path, reference, survived):
    generator = random.Random(0)
    expected = _records(reference)
    kills = replications = 0
    while kills < _KILLS:
        workdir = records.Workdir(tmp_path / str(replications))
        faults = []
        while True:
            # The last attempts are left alone, or bad luck might never end.
            fault, seconds = children.random_fault(generator) if len(faults) < _KILLS else (None, None)
            faults.append((fault, seconds))
            child = children.start(children.replicate, workdir.path, tmp_path / "log", fault=fault)
            if seconds is not None:
                children.kill_after(child, seconds)
            child.join()
            if child.exitcode == 0:
                break
            assert child.exitcode < 0, (child.exitcode, faults)
            kills += 1
            survived[f"kills in {_begun_last(tmp_path / 'log')}"] += 1
        assert _records(workdir) == expected, faults
        replications += 1


@pytest.mark.parametrize("number", [1, 2])
def test_measurement_killed(tmp_path, reference, number, survived):
    workdir = _copy(reference, tmp_path / "work")
    workdir.run(runs.SMALL).measurement(runs.SHARPNESS).unlink()
    child = children.start(children.replicate, workdir.path, fault=(children.kill_in_pass, number))
    child.join()
    assert child.exitcode < 0 and not workdir.run(runs.SMALL).measurement(runs.SHARPNESS).exists()
    children.undisturbed(children.replicate, workdir.path)
    assert _records(workdir) == _records(reference)
    survived["kills in a measurement"] += 1


def test_augmented_run_killed_after_an_epoch(tmp_path, survived):
    """It goes on from there, in the same random sequence."""
    run = dataclasses.replace(runs.SMALL, network="C1", architecture="text", batch_size=479,
                              remedy=remedies.Augmentation(), deterministic=True)
    undisturbed, killed = (records.Workdir(tmp_path / name) for name in ("undisturbed", "killed"))
    tasks = [Train(run)]
    child = children.start(children.replicate, killed.path, None, tasks, fault=(children.kill_after_epoch, 1))
    children.undisturbed(children.replicate, undisturbed.path, None, tasks)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    with np.load(killed.run(run).state) as state:
        (first,) = json.loads(str(state["history"]))
    children.undisturbed(children.replicate, killed.path, None, tasks)
    assert killed.run(run).history[0]["seconds"] == first["seconds"], "the first epoch was not trained again"
    assert _records(killed) == _records(undisturbed)
    survived["kills"] += 1


@pytest.mark.parametrize("number, before", [(3, True), (10, False), (25, True)])
def test_report_killed(tmp_path, reference, number, before, survived):
    workdir = _copy(reference, tmp_path / "work")
    child = children.start(children.report, workdir.path, fault=(children.kill_at_operation, number, before))
    child.join()
    assert child.exitcode < 0
    children.undisturbed(children.report, workdir.path)
    for folder in ("tables", "report"):
        names = {path.name for path in (reference.path / folder).iterdir()}
        assert names <= {path.name for path in (workdir.path / folder).iterdir()}
    for path in reference.tables.iterdir():
        assert (workdir.tables / path.name).read_bytes() == path.read_bytes()
    assert _records(workdir) == _records(reference)
    survived["kills"] += 1


def test_preparation_killed(tmp_path, survived):
    """Until its description is there, a data set counts as not prepared; preparing it again works."""
    children.undisturbed(children.prepare, tmp_path / "whole", 300)
    expected = data.load("timit_shaped", tmp_path / "whole").fingerprint
    folder = tmp_path / "data"
    arrays = loading.arrays_folder("timit_shaped", folder)
    children.undisturbed(children.prepare, folder, 200)
    before = data.load("timit_shaped", folder).fingerprint
    states = set()
    # Four arrays reach the disk, the old description goes, the arrays take their names, and the new description comes.
    for number, when in ((1, True), (5, True), (5, False), (6, True), (9, False), (12, True), (17, False), (20, True),
                         (20, False)):
        children.undisturbed(children.prepare, folder, 200)
        child = children.start(children.prepare, folder, 300, fault=(children.kill_at_operation, number, when))
        child.join()
        assert child.exitcode < 0, (number, when)
        found = cache.read(arrays, "timit_shaped")
        states.add(None if found is None else found.fingerprint)
        survived["kills"] += 1
    assert states == {before, None, expected}
    children.undisturbed(children.prepare, folder, 300)
    assert data.load("timit_shaped", folder).fingerprint == expected


def _diverge(workdir, fault=None):
    """The exit code of a process that trains the run that diverges."""
    child = children.start(children.replicate, workdir.path, None, [Train(runs.DIVERGING)], fault=fault)
    child.join()
    return child.exitcode


@pytest.fixture(scope="module")
def diverged(tmp_path_factory):
    """The workdir of the run that diverges, undisturbed."""
    workdir = records.Workdir(tmp_path_factory.mktemp("diverged") / "work")
    assert _diverge(workdir) == 1
    assert "epoch 2, batch 1" in workdir.failures()[0][runs.DIVERGING.name]
    return workdir


@pytest.mark.parametrize("number", [9, 11, 12, 14])
def test_run_that_diverges_killed(tmp_path, number, diverged, survived):
    """After the save of its last finite epoch, and before and after each step of its end."""
    workdir = records.Workdir(tmp_path / "killed")
    assert _diverge(workdir, (children.kill_at_operation, number, False)) < 0
    assert _diverge(workdir) == 1
    assert runs.contents(workdir) == runs.contents(diverged)
    survived["kills"] += 1


def test_two_replications_at_once(tmp_path, reference, survived):
    """Each task once, that of a run that fails among them; both tell of the failure."""
    workdir, log = records.Workdir(tmp_path / "work"), tmp_path / "log"
    tasks = [Train(runs.DIVERGING), *runs.TASKS]
    both = [children.start(children.refused, children.replicate, (workdir.path, log, tasks), tmp_path / f"answer{i}")
            for i in range(2)]
    for child in both:
        child.join()
        assert child.exitcode == 0
    reason = workdir.failures()[0][runs.DIVERGING.name]
    for i in range(2):
        line, = (tmp_path / f"answer{i}").read_text().splitlines()
        assert reason in line and "remove failure.json to try again" in line
    assert sorted(log.read_text().split()) == sorted(
        {"training": "finish", "sharpness": "metric"}.get(task.kind, task.kind) for task in tasks)
    assert {name: content for name, content in _records(workdir).items()
            if runs.DIVERGING.name not in name} == _records(reference)
    survived["races"] += 1


def _begun_last(log):
    """What a killed process was at, or had just ended, by the log of `children.replicate`, which is removed."""
    names = {"finish": "a training", "metric": "a measurement", "paths": "a path", "steepness": "a steepness"}
    try:
        lines = log.read_text().split()
    except FileNotFoundError:
        return "a start"
    log.unlink()
    return names[lines[-1]]


def _records(workdir):
    return {name: content for name, content in runs.contents(workdir).items() if name.startswith(("runs", "paths"))}


def _copy(workdir, path):
    shutil.copytree(workdir.path, path)
    return records.Workdir(path)
