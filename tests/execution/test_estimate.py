"""How much work is left, and how long it takes."""

import importlib
import types

import pytest

from replication import catalog, configuration, execution, files, machine, records
from replication.configuration import Measure, Path, Sharpness, Steepness, Train
from replication.configuration.executors import Local, Ray
from replication.execution import Progress, Throughput, estimate, overview, seconds
from replication.remedies import SharpnessAware
from tests import forked
from tests.report import fixtures

RUN = configuration.Run(network="F1", regime="SB", trial=0, dataset="digits", batch_size=8, epochs=3)
LARGE = configuration.Run(network="F1", regime="LB", trial=0, dataset="digits", batch_size=144, max_epochs=40)
EXAMPLES = 1437
# The package has a function of the same name.
module = importlib.import_module("replication.execution.estimate")
estimate_solver = module.time_solver


@pytest.fixture(autouse=True)
def speed(monkeypatch):
    """The speeds that are timed, which a test may change, and the runs whose steps were timed."""
    timed = types.SimpleNamespace(step=1e-3, solver=0.0, runs=[])
    monkeypatch.setattr(module, "time_steps",
                        lambda run, optimizer: timed.runs.append((run.batch_size, optimizer)) or timed.step)
    monkeypatch.setattr(module, "time_solver", lambda: timed.solver)
    monkeypatch.setattr(module, "_SECONDS_OF_A_TASK", 0.0)
    return timed


def _seconds(found, workdir):
    throughput = Throughput(workdir)
    return [seconds(task, workdir, catalog.DATASETS.get, throughput=throughput) for task in found]


def test_training_takes_epochs_times_examples_times_gradients(tmp_path):
    workdir = records.Workdir(tmp_path)
    aware = fixtures.other(RUN, remedy=SharpnessAware())
    assert _seconds([Train(RUN), Train(LARGE), Train(aware)], workdir) == pytest.approx(
        [3 * EXAMPLES * 1e-3, 4 * LARGE.patience * EXAMPLES * 1e-3, 2 * 3 * EXAMPLES * 1e-3])


def test_every_task_takes_some_seconds_beside_its_gradients(tmp_path, speed, monkeypatch):
    monkeypatch.setattr(module, "_SECONDS_OF_A_TASK", 3.0)
    speed.step = 0.0
    assert _seconds([Train(RUN), Measure((RUN,), (Sharpness(),))], records.Workdir(tmp_path)) == [3.0, 3.0]


def test_a_measurement_takes_its_passes(tmp_path):
    found = [Measure((RUN,), (Sharpness(iterations=10), Sharpness(subspace_dim=100))),
             Measure((RUN, LARGE), (Path(points=3),)), Measure((RUN,), (Steepness(directions=3, blocks=3),))]
    measured, path, steep = _seconds(found, records.Workdir(tmp_path))
    # Each start has three evaluations of the vertex search.
    assert measured == pytest.approx((17 + 3 + 4 + 52 + 4 * 3) * EXAMPLES * 1e-3)
    part, = _seconds([Measure((RUN,), (Sharpness(examples=100, solver="scipy"),))], records.Workdir(tmp_path))
    assert part == pytest.approx(17 * 100 * 1e-3)
    assert (path, steep) == pytest.approx((1797 * 1e-3, (1 + 16 / 3) * EXAMPLES * 1e-3))


def test_a_maximization_in_the_full_space_takes_the_solver_as_well(tmp_path, speed):
    found = [Measure((RUN,), (Sharpness(starts=2),)), Measure((LARGE,), (Sharpness(subspace_dim=100),)),
             Measure((RUN,), (Sharpness(),), at=1)]
    parameters = 64 * 512 + 4 * 512**2 + 5 * 3 * 512 + 512 * 10 + 10
    without = _seconds(found, records.Workdir(tmp_path))
    speed.solver = 1e-6
    solver = [after - before for after, before in zip(_seconds(found, records.Workdir(tmp_path)), without)]
    assert solver == pytest.approx([2 * parameters * 1e-6, 0, 4 * parameters * 1e-6])


def test_the_solver_is_timed_on_a_small_problem():
    assert estimate_solver() > 0


def test_what_is_done_takes_nothing_and_tells_the_speed(tmp_path, speed):
    workdir = records.Workdir.create(tmp_path)
    record = fixtures.write_run(workdir, LARGE, epochs=10, gradients=10 * EXAMPLES, seconds=5.0)
    fixtures.write_measurement(record, Sharpness(), 3.0)
    found = [Train(LARGE), Train(fixtures.other(LARGE, trial=1)), Measure((LARGE,), (Sharpness(),))]
    speed.step = 99.0
    assert _seconds(found, workdir) == pytest.approx([0, 5.0, 0]) and not speed.runs
    (training, sharpness) = estimate(found, workdir, catalog.DATASETS.get, throughput=Throughput(workdir))
    assert (training.tasks, training.done, sharpness.tasks, sharpness.done) == (2, 1, 1, 1)
    assert "left in one process, about" in overview([training, sharpness])
    assert overview([training, sharpness]).split()[-1] == "0:00:05"
    assert overview([training, sharpness], processes=5).split()[-1] == "0:00:01"


def test_a_speed_is_timed_once(tmp_path, speed):
    throughput = Throughput(records.Workdir(tmp_path))
    for trial in range(3):
        throughput.training_seconds(fixtures.other(RUN, trial=trial))
        throughput.evaluation_seconds(fixtures.other(RUN, trial=trial, batch_size=16))
    assert speed.runs == [(8, "adam"), (256, "sgd")]


def test_old_records_without_the_number_of_gradients_are_no_hindrance(tmp_path, speed):
    workdir = records.Workdir.create(tmp_path)
    path = fixtures.write_run(workdir, LARGE).folder / "result.json"
    content = files.read_json(path)
    del content["gradients"]
    files.write_json(path, content)
    speed.step = 0.5
    assert Throughput(workdir).training_seconds(LARGE) == 0.5


@pytest.mark.parametrize("fields", [{"seconds": "12"}, {"gradients": None}, {"epochs": None, "seconds": 0}])
def test_records_with_fields_of_another_kind_are_no_hindrance(tmp_path, speed, fields):
    workdir = records.Workdir.create(tmp_path)
    path = fixtures.write_run(workdir, LARGE).folder / "result.json"
    files.write_json(path, {**files.read_json(path), **fields})
    speed.step = 0.5
    throughput = Throughput(workdir)
    assert throughput.training_seconds(LARGE) == 0.5 and throughput.epochs(LARGE) > 0


def test_several_processes_divide_the_time(capsys, monkeypatch):
    """A task that runs counts with what is left of it, and the longest is no shorter for the others."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    third = fixtures.other(RUN, trial=1)
    progress = Progress([Train(RUN), Train(LARGE), Train(third)], [60.0, 30.0, 60.0], processes=2)
    progress.begin(0)
    progress.begin(1)
    now[0] += 35
    progress.end(1)
    progress.begin(2)
    progress.close()
    assert [line.split("(")[-1] for line in capsys.readouterr().err.splitlines()] == [
        "about 0:01:15 left)", "about 0:01:15 left)", "about 0:01:00 left)"]


def test_estimates_are_timed_with_the_threads_of_one_of_the_processes(tmp_path):
    """Fewer tasks leave the threads of each as they are. In a process of its own: TensorFlow fixes its threads once."""
    assert forked.call(_divided, tmp_path) == ([1, 1, 1, 2], 1)


def _divided(folder):
    numbers = [execution.divide_processors([Train(RUN), Train(LARGE)], records.Workdir(folder), executor=executor)
               for executor in (None, Ray(), Local(), Local(jobs=1000))]
    return numbers, machine.threads()


def test_progress_tells_the_task_and_what_is_left(tmp_path, capsys):
    # Not a terminal: a line a task, and none for one that is done.
    progress = Progress([Train(RUN), Train(LARGE), Measure((RUN,), (Sharpness(),))], [60.0, 0.0, 3.0])
    for number in (0, 1, 2, 0):
        progress.begin(number)
        progress.end(number)
    progress.close()
    assert capsys.readouterr().err.splitlines() == [
        f"[1/3] train {RUN.name} (exactly 3 epochs) (about 0:01:03 left)",
        f"[3/3] measure the sharpness of {RUN.name} (about 0:00:03 left)",
        f"[1/3] train {RUN.name} (exactly 3 epochs) (about 0:01:00 left)"]
