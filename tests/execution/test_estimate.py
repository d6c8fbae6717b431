"""How much work is left, and how long it takes."""

import pytest

from replication import catalog, configuration, files, records
from replication.configuration import Path, Sharpness, Steepness
from replication.execution import Throughput, estimate, overview, seconds, tasks
from replication.experiments import Needs
from replication.remedies import SharpnessAware
from tests.report import fixtures

RUN = configuration.Run(network="F1", regime="SB", trial=0, dataset="digits", batch_size=8, epochs=3)
LARGE = configuration.Run(network="F1", regime="LB", trial=0, dataset="digits", batch_size=144, max_epochs=40)
EXAMPLES = 1437


def _seconds(needs, workdir, each=1e-3):
    throughput = Throughput(workdir, lambda run: each)
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
    assert (path, steep) == pytest.approx((1797 * 1e-3, 3 * EXAMPLES * 1e-3))


def test_what_is_done_takes_nothing_and_tells_the_speed(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    record = fixtures.write_run(workdir, LARGE, epochs=10, gradients=10 * EXAMPLES, seconds=5.0)
    fixtures.write_measurement(record, Sharpness(), 3.0)
    needs = Needs(runs=(LARGE, fixtures.other(LARGE, trial=1)), measurements=((LARGE, Sharpness()),))
    assert _seconds(needs, workdir, each=99.0) == pytest.approx([0, 5.0, 0])
    (training, sharpness) = estimate(tasks(needs), workdir, catalog.DATASETS.get, Throughput(workdir, None))
    assert (training.tasks, training.done, sharpness.tasks, sharpness.done) == (2, 1, 1, 1)
    assert "0:00:05" in overview([training, sharpness])


def test_a_speed_is_timed_once(tmp_path):
    timed = []
    throughput = Throughput(records.Workdir(tmp_path), lambda run: timed.append(run) or 1.0)
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
    assert Throughput(workdir, lambda run: 0.5).seconds(LARGE) == 0.5
