"""Truncated files and flipped bits, in every kind of file that is written: named, never used, made again on request."""

import dataclasses
import json
import os
import random
import shutil

import numpy as np
import pytest

from replication import catalog, configuration, files, records
from replication.data import cache, loading
from replication.data.examples import Data
from replication.errors import BusyError, UserError
from replication.records import damage
from replication.training import state
from replication.weights import load_minimizer
from tests.execution import runs

children = pytest.importorskip("tests.faults.children", reason="this system has no limits of resources")

_FLIPS = 6


@pytest.fixture
def workdir(reference, tmp_path):
    shutil.copytree(reference.path, tmp_path / "work")
    return records.Workdir(tmp_path / "work")


def damaged(path):
    """The file with each of several kinds of damage in turn, and at last as it was."""
    whole = path.read_bytes()
    generator = random.Random(path.name)
    for length in (0, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        yield f"truncated to {length}"
    for _ in range(_FLIPS):
        position, bit = generator.randrange(len(whole)), generator.randrange(8)
        flipped = bytearray(whole)
        flipped[position] ^= 1 << bit
        path.write_bytes(flipped)
        yield f"bit {bit} of byte {position}"
    path.write_bytes(whole)


def assert_named(path, read, survived):
    """`read` returns what is wrong, or raises it; damage that leaves the meaning alone is no damage."""
    sound = _meaning(path)
    names = sound.keys() if isinstance(sound, dict) else ()
    for kind in damaged(path):
        problems = []
        try:
            problems = read()
        except UserError as error:
            problems = [str(error)]
        if _without_the_checksums(_meaning(path), names) == _without_the_checksums(sound, names):
            continue
        assert any(str(path) in problem for problem in problems), kind
        survived["damaged files"] += 1


def _meaning(path):
    """The bytes of a file; of JSON what it says."""
    if path.suffix != ".json":
        return path.read_bytes()
    try:
        content = json.loads(path.read_text())
    except ValueError:
        return None
    return content


def _without_the_checksums(content, names):
    """The content without its checksum, whose name a flipped bit may have made another one."""
    if not isinstance(content, dict):
        return content
    return {key: value for key, value in content.items()
            if key != "sha256" and (key in names or len(key) != len("sha256"))}


@pytest.mark.parametrize("name", ["config.json", "result.json", "history.csv", "initial.weights.h5",
                                  "final.weights.h5"])
def test_files_of_a_run(workdir, name, survived):
    record = workdir.run(runs.SMALL)

    def scan():
        sound, problems = workdir.runs()
        assert len(sound) + len(problems) == 3
        return problems

    assert_named(record.folder / name, scan, survived)
    if name == "final.weights.h5":
        assert_named(record.final_weights, lambda: load_minimizer(record), survived)


def test_measurements_paths_and_failures(workdir, survived):
    record = workdir.run(runs.SMALL)
    assert_named(record.measurement(runs.SHARPNESS), lambda: record.measurements("sharpness")[1], survived)
    assert_named(record.measurement(runs.STEEPNESS), lambda: record.measurements("steepness")[1], survived)
    path = workdir.measurement(runs.PATH, runs.SMALL, runs.LARGE)
    assert_named(path, lambda: workdir.measurements("paths")[1], survived)
    record.fail("the training loss became nan in epoch 2, batch 1")
    assert_named(record.folder / "failure.json", lambda: workdir.failures()[1], survived)


def test_iterates(workdir, survived):
    iterate = workdir.run(runs.SMALL).iterate(2)
    assert_named(iterate.weights, iterate.check, survived)
    assert_named(iterate.folder / "iterate.json", iterate.check, survived)


def test_state_to_resume_from(tmp_path, survived):
    import keras

    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    model.compile("adam", loss="mse")
    model.optimizer.build(model.trainable_variables)
    path = tmp_path / "state.npz"
    saving = state.SaveState(path, [{"epoch": 1, "loss": 0.5}])
    saving.set_model(model)
    saving.on_epoch_end(0, {"loss": 0.5})
    weights = [variable.numpy() for variable in model.variables]
    for kind in damaged(path):
        try:
            found = state.restore(path, model)
        except UserError as error:
            assert str(path) in str(error)
            survived["damaged files"] += 1
        else:
            # Such as the date in the archive.
            assert found == ([{"epoch": 1, "loss": 0.5}], []), kind
        for variable, value in zip(model.variables, weights):
            assert np.array_equal(variable.numpy(), value), kind


def test_cached_arrays(tmp_path, survived):
    folder = tmp_path / "cache"
    cache.write(folder, Data.from_arrays("digits", loading.read_digits("digits")))
    for path in sorted(folder.glob("[!.]*")):
        assert_named(path, lambda: [] if cache.read(folder, "digits") else ["not there"], survived)


def test_what_was_removed_is_made_again(workdir, reference, survived):
    """A measurement and a whole run."""
    record = workdir.run(runs.SMALL)
    measurement = record.measurement(runs.SHARPNESS)
    measurement.write_bytes(measurement.read_bytes()[:-20])
    large = workdir.run(runs.LARGE)
    large.final_weights.write_bytes(b"broken")
    children.undisturbed(children.refused, children.replicate, (workdir.path,), workdir.path / "answer")
    assert str(large.final_weights) in (workdir.path / "answer").read_text()
    (workdir.path / "answer").unlink()
    measurement.unlink()
    shutil.rmtree(large.folder)
    children.undisturbed(children.replicate, workdir.path)
    assert runs.contents(workdir)["runs/" + runs.LARGE.name + "/final.weights.h5"] == files.file_checksum(
        reference.run(runs.LARGE).final_weights)
    assert _records(workdir) == _records(reference)
    survived["damaged files"] += 2


def test_what_is_damaged_is_set_aside_and_made_again(workdir, reference, survived):
    """A run and the path from it, an iterate, a measurement, and a steepness of other weights."""
    small, large = workdir.run(runs.SMALL), workdir.run(runs.LARGE)
    large.final_weights.write_bytes(b"broken")
    iterate = small.iterate(2)
    iterate.weights.write_bytes(b"broken")
    measurement, steepness = small.measurement(runs.SHARPNESS), small.measurement(runs.STEEPNESS)
    measurement.write_bytes(measurement.read_bytes()[:-20])
    files.write_json(steepness, files.read_json(steepness) | {"weights_checksum": "of other weights"})
    path = workdir.measurement(runs.PATH, runs.SMALL, runs.LARGE)
    expected = [large.folder, measurement, steepness, iterate.folder, path]
    with small.lock(wait=False), pytest.raises(BusyError):
        damage.set_aside(workdir)
    assert damage.set_aside(workdir) == [each.relative_to(workdir.path) for each in expected]
    assert (workdir.path / "damaged" / large.folder.relative_to(workdir.path) / "final.weights.h5").read_bytes() == (
        b"broken")
    assert damage.set_aside(workdir) == []
    children.undisturbed(children.replicate, workdir.path)
    assert _records(workdir) == _records(reference)
    # Nothing is overwritten by what is set aside later.
    measurement.write_text("{")
    damage.set_aside(workdir)
    folder = (workdir.path / "damaged" / measurement.relative_to(workdir.path)).parent
    assert sorted(each.name for each in folder.iterdir()) == [measurement.name, f"{measurement.name}.1"]
    survived["damaged files"] += 5


def test_a_damaged_state_is_set_aside(workdir):
    run = dataclasses.replace(runs.SMALL, trial=1)
    record = workdir.run(run)
    record.state.parent.mkdir(parents=True)
    files.write_json(record.folder / "config.json", {"configuration": run.to_json()})
    np.savez(record.state, history=np.array("[]"), variable0=np.zeros(1000))
    assert damage.set_aside(workdir) == []
    content = bytearray(record.state.read_bytes())
    content[len(content) // 2] ^= 1
    record.state.write_bytes(content)
    assert damage.set_aside(workdir) == [record.state.relative_to(workdir.path)]


def test_a_run_that_only_a_script_or_a_later_version_knows_is_left_alone(workdir, monkeypatch, caplog):
    """A network and a field that this version lacks, and weights that are damaged."""
    known = workdir.run(runs.SMALL)
    with monkeypatch.context() as patch:
        patch.setitem(catalog.NETWORKS, "W1", catalog.NETWORKS[runs.SMALL.network])
        foreign = workdir.run(dataclasses.replace(runs.SMALL, network="W1"))
        foreign.start({**known.config, "configuration": foreign_fields(runs.SMALL, network="W1")})
    later = workdir.path / "runs" / "F1-LB-trial0-00000000"
    later.mkdir()
    files.write_json(later / "config.json", {"configuration": foreign_fields(runs.SMALL, precise="very")})
    broken = workdir.path / "runs" / "F1-LB-trial0-00000001"
    broken.mkdir()
    (broken / "config.json").write_text(json.dumps({"configuration": foreign_fields(
        runs.SMALL, network="W1", learning_rate=float("nan"))}))
    (foreign.folder / "result.json").write_text('{"epochs"')
    assert damage.set_aside(workdir) == [broken.relative_to(workdir.path)]
    for folder, words in ((foreign.folder, "network='W1': expected one of"), (later, "unknown field 'precise'")):
        assert folder.exists() and f"{folder}: left alone: {words}" in caplog.text


def foreign_fields(run, **changes):
    return {**run.to_json(), **changes}


def test_many_runs_are_locked_with_few_files_allowed(workdir):
    """As on macOS, where a process may open 256 files."""
    resource = pytest.importorskip("resource", reason="Windows has no limit on open files")
    for number in range(100):
        (workdir.path / "runs" / f"F1-LB-trial0-{number:08x}").mkdir()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = len(os.listdir("/dev/fd")) + 50
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, limits[1]))
        assert damage.set_aside(workdir) == []
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > few
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_kill_while_a_run_is_set_aside_leaves_nothing_that_counts(workdir, survived, monkeypatch):
    small = workdir.run(runs.SMALL)
    small.final_weights.write_bytes(b"broken")
    replace = damage.os.replace

    def moving(source, target):
        if source.name == "history.csv":
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(damage.os, "replace", moving)
    with pytest.raises(KeyboardInterrupt):
        damage.set_aside(workdir)
    assert not small.is_finished and small.iterates() == []
    assert not list(small.folder.glob("*/*.json"))
    survived["kills"] += 1


def test_files_that_are_being_written_are_no_measurements(workdir):
    small = workdir.run(runs.SMALL)
    before = small.measurements("sharpness")
    small.measurement(runs.SHARPNESS).with_name(".partial-1.json").write_text("{")
    assert small.measurements("sharpness") == before


@pytest.mark.parametrize("name, remedy", [
    ("config.json", "remove the folder .* or give `reproduce --remake_damaged`, to run it again"),
    ("result.json", "remove the folder .* or give `reproduce --remake_damaged`, to run it again"),
    ("failure.json", "remove it to have the run trained again")])
def test_damage_of_a_run_tells_its_remedy(tmp_path, name, remedy):
    record = records.Workdir(tmp_path).run(runs.SMALL)
    for damaged_content in ("{", '{"reason": "", "sha256": "of other content"}', "[]"):
        files.write_text(record.folder / name, damaged_content)
        with pytest.raises(UserError, match=f"{name}: .*; {remedy}"):
            {"config.json": record.check_configuration, "result.json": record.check,
             "failure.json": lambda: record.failure}[name]()


def test_changed_json_is_refused_unless_its_checksum_goes_too(tmp_path):
    path = tmp_path / "config.json"
    files.write_json(path, {"configuration": runs.SMALL.to_json()})
    path.write_text(path.read_text().replace('"trial": 0', '"trial": 1'))
    with pytest.raises(UserError, match="config.json: damaged.*remove that field"):
        records.read_configuration(path)
    content = json.loads(path.read_text())
    del content["sha256"]
    path.write_text(json.dumps(content))
    assert records.read_configuration(path) == configuration.Run.from_json({**runs.SMALL.to_json(), "trial": 1})


def _records(workdir):
    return {name: content for name, content in runs.contents(workdir).items() if name.startswith(("runs", "paths"))}
