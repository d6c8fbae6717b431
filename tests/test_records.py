"""The layout of the records of iterates, warm starts and steepness."""

import errno
import fcntl
import os
import subprocess
import sys

import filelock
import pytest

from replication import configuration, files, records
from replication.errors import UserError
from tests.report import fixtures


@pytest.fixture
def record(tmp_path):
    """A finished run of two epochs."""
    return fixtures.write_run(records.Workdir.create(tmp_path), fixtures.quick_run("SB", 0))


def keep(record, epoch, **remarks):
    iterate = record.iterate(epoch)
    iterate.folder.mkdir(parents=True)
    iterate.weights.write_bytes(f"x{epoch}".encode())
    iterate.finish(**remarks)
    return iterate


def test_an_iterate_has_a_folder_of_its_own(record):
    iterate = keep(record, 7, replayed="identical")
    assert iterate.folder == record.folder / "iterates" / "0007"
    assert files.read_json(iterate.folder / "iterate.json") == {
        "epoch": 7, "checksum": files.file_checksum(iterate.weights), "replayed": "identical"}
    choices = configuration.Sharpness()
    assert iterate.measurement(choices) == iterate.folder / "sharpness" / record.measurement(choices).name
    files.write_json(iterate.measurement(choices), {"sharpness": 1.0})
    assert iterate.measurements("sharpness") == ([{"sharpness": 1.0}], [])
    assert record.measurements("sharpness") == ([], [])


def test_iterates_come_by_epoch_and_only_whole_ones(record):
    for epoch in (12, 2, 10_000):
        keep(record, epoch)
    keep(record, 4).begin()
    (record.folder / "iterates" / "notes").mkdir()
    assert [iterate.epoch for iterate in record.iterates()] == [2, 12, 10_000]
    assert not record.iterate(4).exists


def test_a_flipped_bit_of_an_iterate_is_named_with_what_to_do(record):
    iterate = keep(record, 2)
    iterate.check()
    iterate.weights.write_bytes(b"y2")
    with pytest.raises(UserError, match=r"iterate\.weights\.h5: damaged.*remove the folder \S*0002.*keep_iterates=2"):
        iterate.check()
    record.check()


def test_the_ends_of_a_run_are_iterates_too(record):
    start, minimizer = record.iterate(0), record.minimizer
    assert (start.weights, start.epoch) == (record.initial_weights, 0)
    assert (minimizer.weights, minimizer.epoch) == (record.final_weights, fixtures.EPOCHS)
    assert minimizer.measurement(configuration.Sharpness()) == record.measurement(configuration.Sharpness())
    for point in (start, minimizer):
        assert point.checksum == files.file_checksum(point.weights)
        point.check()
        point.weights.write_bytes(b"broken")
        with pytest.raises(UserError, match=f"{point.weights.name}: damaged"):
            point.check()


def test_a_missing_iterate_names_the_command_that_keeps_it(record):
    workdir = record.folder.parent.parent
    with pytest.raises(UserError, match=rf"train --config={record.folder}/config.json --keep_iterates=2 "
                                        rf"--workdir={workdir}`"):
        record.kept_iterate(2)
    with pytest.raises(UserError, match=f"no epoch 13, the run took {fixtures.EPOCHS}"):
        record.kept_iterate(13)
    absent = records.Workdir(workdir).run_named("F1-SB-trial0-00000000")
    with pytest.raises(UserError, match="not finished, and no iterate of epoch 1.*--keep_iterates=1"):
        absent.kept_iterate(1)
    assert keep(record, 2).checksum == record.kept_iterate(2).checksum


def test_damaged_weights_are_found_by_a_scan_that_asks_for_it(record):
    workdir = records.Workdir(record.folder.parent.parent)
    record.final_weights.write_bytes(b"broken")
    sound, problems = workdir.runs()
    assert not sound and len(problems) == 1 and str(record.final_weights) in problems[0]
    sound, problems = workdir.runs(checksums=False)
    assert [each.name for each in sound] == [record.name] and not problems


@pytest.mark.parametrize("checksums", [[], "x", {"../../secret": "0"}, {"/dev/zero": "0"}])
def test_checksums_name_no_other_files(record, checksums):
    path = record.folder / "result.json"
    files.write_json(path, {**record.result, "checksums": checksums})
    for read in (record.check, lambda: record.minimizer.checksum):
        with pytest.raises(UserError, match=f"{path}: damaged"):
            read()
    assert len(records.Workdir(record.folder.parent.parent).runs()[1]) == 1


def test_steepness_has_a_file_for_each_choice(record):
    first, second = configuration.Steepness(), configuration.Steepness(directions=3)
    assert record.measurement(first).parent == record.folder / "steepness"
    assert record.measurement(first) != record.measurement(second)
    files.write_json(record.measurement(first), {"loss": 1.0})
    assert record.measurements("steepness") == ([{"loss": 1.0}], [])


def test_records_need_no_tensorflow():
    code = ("import sys; from replication import configuration, experiments, records, report; "
            "print({'tensorflow', 'keras', 'models'} & set(sys.modules))")
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "set()\n"


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(filelock.FileLock, "_acquire", refuse)
    match = "no file locks here .*give a --workdir on a file system that has them"
    with pytest.raises(UserError, match=match), files.lock(tmp_path, "run", wait=True):
        pass


def test_a_file_system_that_cannot_lock_gets_no_marker_that_outlives_its_process(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(UserError, match="no file locks here"), files.lock(tmp_path, "run", wait=True):
        pass
