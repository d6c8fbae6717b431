"""Full disks, folders that are read-only, losses that are not finite, and clocks that jump."""

import shutil
import subprocess

import pytest

from replication import records
from replication.configuration import Measure, Train
from replication.configuration.tasks import merge
from replication.execution.tasks import is_done
from replication.weights import save_weights
from tests.execution import runs
from tests.scripts import script

children = pytest.importorskip("tests.faults.children", reason="this system has no limits of resources")

FEW = merge([Measure((runs.LARGE,), (runs.SHARPNESS,))])


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB of its own, less than the weights take."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True)
    if not mounted or mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _answer(tmp_path, *arguments, fault=None):
    return _refused(tmp_path, children.replicate, *arguments, fault=fault)


def _refused(tmp_path, function, *arguments, fault=None):
    child = children.start(children.refused, function, arguments, tmp_path / "answer", fault=fault)
    child.join()
    assert child.exitcode == 0
    return (tmp_path / "answer").read_text().splitlines()


@pytest.mark.parametrize("size", children.WRITE_LIMITS)
def test_no_room_for_a_file(tmp_path, reference, size, survived):
    workdir = records.Workdir(tmp_path / "work")
    first, second = _answer(tmp_path, workdir.path, None, FEW, fault=(children.refuse_writes, size))
    assert first.startswith(str(workdir.run(runs.LARGE).folder)) and first.endswith("File too large")
    assert "no minimizer to measure" in second
    assert not list(tmp_path.rglob(".partial-*"))
    children.undisturbed(children.replicate, workdir.path, None, FEW)
    assert runs.contents(workdir) == _records(reference)
    survived["full disks"] += 1


@pytest.mark.parametrize("missing", [1, 3_000, 30_000])
def test_no_room_for_the_end_of_weights(tmp_path, reference, missing, survived):
    """HDF5 writes it as it closes the file, where an error may end the process."""
    size = reference.run(runs.LARGE).final_weights.stat().st_size
    path = tmp_path / "weights" / "some.weights.h5"
    line, = _refused(tmp_path, children.save, path, fault=(children.refuse_writes, size - missing))
    assert line.endswith(f"File too large: '{path}'")
    assert not list(path.parent.iterdir())
    survived["full disks"] += 1


def test_no_room_on_the_disk_for_the_end_of_weights(tmp_path, small_disk, reference, survived):
    size = reference.run(runs.LARGE).final_weights.stat().st_size
    subprocess.run(["mount", "-o", f"remount,size={size - 5_000}", str(small_disk)], check=True)
    line, = _refused(tmp_path, children.save, small_disk / "some.weights.h5")
    assert line.endswith(f"No space left on device: '{small_disk / 'some.weights.h5'}'")
    assert not list(small_disk.iterdir())
    survived["full disks"] += 1


def test_an_error_of_hdf5_tells_the_file(tmp_path):
    class Network:
        def get_weights(self):
            return []

        def save_weights(self, path):
            raise RuntimeError("Unable to close\nmore")

    with pytest.raises(OSError, match="Unable to close: .*some.weights.h5"):
        save_weights(Network(), tmp_path / "some.weights.h5")
    assert not list(tmp_path.iterdir())


def test_full_disk(tmp_path, small_disk, survived):
    lines = _answer(tmp_path, small_disk / "work", None, [Train(runs.SMALL)])
    assert len(lines) == 1 and lines[0].startswith(str(small_disk)) and "No space left on device" in lines[0]
    assert not list(small_disk.rglob(".partial-*"))
    survived["full disks"] += 1


def test_read_only_file_system(tmp_path, small_disk, survived):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    line, = _answer(tmp_path, small_disk / "work", None, [Train(runs.SMALL)])
    assert line.startswith(f"--workdir={small_disk / 'work'}: cannot be made (Read-only file system)")
    survived["read-only folders"] += 1


@pytest.fixture
def read_only(reference, tmp_path):
    """The finished workdir on a file system that is read-only."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    mounted = shutil.which("mount") and not subprocess.run(
        ["mount", "--bind", str(reference.path), str(folder)], capture_output=True).returncode
    if not mounted:
        pytest.skip("no folder can be mounted here")
    subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_finished_workdir_that_is_read_only(read_only, survived):
    """It is compared with the paper; what would write there says so."""
    verified = script("verify", f"--workdir={read_only}")
    assert verified.returncode == 3 and "Traceback" not in verified.stderr and "Table 2" in verified.stdout
    for name, *options in (("make_report",), ("measure_sharpness", "--epsilon=1e-4", "--iterations=1")):
        answer = script(name, f"--workdir={read_only}", *options)
        lines = [line for line in answer.stderr.splitlines() if line.startswith("error: ")]
        assert answer.returncode == 1 and "Traceback" not in answer.stderr
        assert len(lines) == 1 and str(read_only) in lines[0] and "Read-only file system" in lines[0], answer.stderr
    survived["read-only folders"] += 1


def test_loss_that_is_not_finite(tmp_path, survived):
    """The run is trained once, and again when its failure.json is removed."""
    tasks = merge([Train(runs.DIVERGING), Train(runs.LARGE), Measure((runs.DIVERGING,), (runs.SHARPNESS,))])
    workdir, log = records.Workdir(tmp_path / "work"), tmp_path / "log"
    record = workdir.run(runs.DIVERGING)
    for finishes, removed in ((2, False), (2, False), (3, True)):
        if removed:
            (record.folder / "failure.json").unlink()
        first, second = _answer(tmp_path, workdir.path, log, tasks)
        assert "the training loss became" in first and "no minimizer to measure" in second
        assert set(workdir.failures()[0]) == {runs.DIVERGING.name}
        assert not record.is_finished and not record.final_weights.exists() and not record.state.exists()
        assert workdir.run(runs.LARGE).is_finished
        assert log.read_text().split() == ["finish"] * finishes
        assert is_done(tasks[0], workdir)
    survived["losses that became NaN"] += 1


def test_clock_that_jumps_back(tmp_path, reference, survived):
    workdir = records.Workdir(tmp_path / "work")
    child = children.start(children.replicate, workdir.path, None, FEW, fault=(children.run_clock_backwards,))
    child.join()
    assert child.exitcode == 0
    assert runs.contents(workdir) == _records(reference)
    assert all(row["seconds"] > 0 for row in workdir.run(runs.LARGE).history)
    survived["clocks that jumped"] += 1


def _records(workdir):
    """Of the run that the tests here make."""
    return {name: content for name, content in runs.contents(workdir).items() if runs.LARGE.name in name
            and name.startswith("runs")}
