"""How much work is left, and how long it takes."""

import pytest

from replication import catalog, configuration, files, records
from replication.configuration import Path, Sharpness, Steepness
from replication.execution import Progress, Throughput, estimate, overview, seconds, tasks
from replication.experiments import Needs
from replication.remedies import SharpnessAware
from replication.sharpness import time_solver
from tests.report import fixtures

RUN = configuration.Run(network="F1", regime="SB", trial=0, dataset="digits", batch_size=8, epochs=3)
LARGE = configuration.Run(network="F1", regime="LB", trial=0, dataset="digits", batch_size=144, max_epochs=40)
EXAMPLES = 1437


def _seconds(needs, workdir, each=1e-3, solver=0.0):
    throughput = Throughput(workdir, lambda run: each, lambda: solver)
    return [seconds(task, workdir, catalog.DATASETS.get, throughput) for task in tasks(needs)]


def test_training_takes_epochs_times_examples_times_gradients(tmp_path):
    workdir = records.Workdir(tmp_path)
    aware = fixtures.other(RUN, remedy=SharpnessAware())
    assert _seconds(Needs(runs=(RUN, LARGE, aware)), workdir) == pytest.approx(
        [3 * EXAMPLES * 1e-3, 20 * EXAMPLES * 1e-3, 2 * 3 * EXAMPLES * 1e-3])


def test_a_measurement_takes_its_passes(tmp_path):
    needs = Needs(runs=(), measurements=((RUN, Sharpness(iterations=10)), (RUN, Sharpness(subspace_dim=100))),
                  paths=((RUN, LARGE, Path(points=3)),), steepness=((RUN, Steepness(directions=3, blocks=3)),))
    measured, path, steep = _seconds(needs, records.Workdir(tmp_path))
    assert measured == pytest.approx((17 + 4 + 52) * EXAMPLES * 1e-3)
    assert (path, steep) == pytest.approx((1797 * 1e-3, (1 + 16 / 3) * EXAMPLES * 1e-3))


def test_a_maximization_in_the_full_space_takes_the_solver_as_well(tmp_path):
    needs = Needs(runs=(), measurements=((RUN, Sharpness(starts=2)), (LARGE, Sharpness(subspace_dim=100))),
                  iterate_measurements=((RUN, 1, Sharpness()),))
    parameters = 64 * 512 + 4 * 512**2 + 5 * 3 * 512 + 512 * 10 + 10
    solver = [with_it - without for with_it, without in zip(
        _seconds(needs, records.Workdir(tmp_path), solver=1e-6), _seconds(needs, records.Workdir(tmp_path)))]
    assert solver == pytest.approx([2 * parameters * 1e-6, 0, 4 * parameters * 1e-6])


def test_the_solver_is_timed_on_a_small_problem():
    assert time_solver() > 0


def test_what_is_done_takes_nothing_and_tells_the_speed(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    record = fixtures.write_run(workdir, LARGE, epochs=10, gradients=10 * EXAMPLES, seconds=5.0)
    fixtures.write_measurement(record, Sharpness(), 3.0)
    needs = Needs(runs=(LARGE, fixtures.other(LARGE, trial=1)), measurements=((LARGE, Sharpness()),))
    assert _seconds(needs, workdir, each=99.0) == pytest.approx([0, 5.0, 0])
    (training, sharpness) = estimate(tasks(needs), workdir, catalog.DATASETS.get, Throughput(workdir, None, None))
    assert (training.tasks, training.done, sharpness.tasks, sharpness.done) == (2, 1, 1, 1)
    assert "0:00:05" in overview([training, sharpness])


def test_a_speed_is_timed_once(tmp_path):
    timed = []
    throughput = Throughput(records.Workdir(tmp_path), lambda run: timed.append(run) or 1.0, None)
    for trial in range(3):
        throughput.seconds(fixtures.other(RUN, trial=trial))
        throughput.passes(fixtures.other(RUN, trial=trial, batch_size=16))
    assert [run.batch_size for run in timed] == [8, 256]


def test_old_records_without_the_number_of_gradients_are_no_hindrance(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    path = fixtures.write_run(workdir, LARGE).folder / "result.json"
    content = files.read_json(path)
    del content["gradients"]
    files.write_json(path, content)
    assert Throughput(workdir, lambda run: 0.5, None).seconds(LARGE) == 0.5


def test_progress_tells_the_task_and_what_is_left(tmp_path, capsys):
    # Not a terminal: a line a task, and none for one that is done.
    of_two = tasks(Needs(runs=(RUN, LARGE), measurements=((RUN, Sharpness()),)))
    progress = Progress(of_two, [60.0, 0.0, 3.0])
    for number in (0, 1, 2, 0):
        progress.begin(number)
    progress.end()
    assert capsys.readouterr().err.splitlines() == [
        f"[1/3] train {RUN.name} (about 0:01:03 left)",
        f"[3/3] measure the sharpness of {RUN.name} (about 0:00:03 left)",
        f"[1/3] train {RUN.name} (about 0:01:00 left)"]
