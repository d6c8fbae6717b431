"""What experiments need, as tasks, run in this process."""

import dataclasses

import pytest

from replication import configuration, records, training
from replication.configuration import Measure, Sharpness, Start, Steepness, Train
from replication.configuration.tasks import merge
from replication.errors import MissingDataError
from replication.execution import check, execute
from replication.execution.local import run_task
from replication.execution.tasks import is_done
from tests import networks
from tests.report.fixtures import paper_run, write_run

SMALL = configuration.Run(network=networks.WIDE, regime="SB", trial=0, dataset="digits", batch_size=359, epochs=3)
LARGE = configuration.Run(network=networks.WIDE, regime="LB", trial=0, dataset="digits", batch_size=719, epochs=1)
WARM = dataclasses.replace(LARGE, start=Start(SMALL.name, 2))
QUICK = Sharpness(subspace_dim=1, starts=1, iterations=1, examples=100)
STEEPNESS = Steepness(directions=1, blocks=1)


@pytest.fixture
def trained(monkeypatch):
    """The runs that are trained, in order, with what they keep."""
    calls, original = [], training.train

    def spy(run, workdir, **options):
        calls.append((run, list(options["keep"])))
        return original(run, workdir, **options)

    monkeypatch.setattr(training, "train", spy)
    return calls


def test_everything_is_made_once_and_in_order(tmp_path, trained):
    listed = merge([Train(WARM), Train(SMALL, (2,)), Measure((SMALL,), (QUICK,), at=3),
                    Measure((SMALL,), (STEEPNESS,)), Train(SMALL, (2,))])
    workdir = records.Workdir.create(tmp_path)
    assert not any(is_done(task, workdir) for task in listed)
    assert execute(listed, workdir) == []
    assert all(is_done(task, workdir) for task in listed)
    assert trained == [(SMALL, [2, 3]), (WARM, [])]
    small = workdir.run(SMALL)
    assert [iterate.epoch for iterate in small.iterates()] == [2, 3]
    assert all("replayed" not in iterate.content for iterate in small.iterates())
    assert workdir.run(WARM).is_finished
    assert [iterate.epoch for iterate in small.iterates() if iterate.measurement(QUICK).exists()] == [3]
    assert small.iterate(0).measurement(QUICK).exists()
    assert small.measurement(STEEPNESS).exists()
    assert not small.measurement(QUICK).exists()
    for task in listed:
        assert run_task(task, workdir.path, load=lambda *_: pytest.fail("what is on disk needs no data")) is None


def test_the_iterates_are_measured_when_x_0_is_too(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    training.train(SMALL, workdir, verbose=0, keep=(3,))
    task = Measure((SMALL,), (QUICK,), at=3)
    assert task.kind == "iterates"
    assert execute([task], workdir) == [] and is_done(task, workdir)
    workdir.run(SMALL).iterate(0).measurement(QUICK).unlink()
    assert not is_done(task, workdir)
    assert execute([task], workdir) == [] and is_done(task, workdir)


def test_a_failed_task_does_not_stop_the_others(tmp_path):
    diverging = dataclasses.replace(SMALL, optimizer="sgd", learning_rate=1e30)
    lost = dataclasses.replace(LARGE, start=Start(diverging.name, 1))
    found = merge([Train(diverging), Train(lost), Train(LARGE), Measure((diverging,), (QUICK,), at=1),
                   Measure((diverging,), (STEEPNESS,)), Measure((LARGE,), (STEEPNESS,))])
    workdir = records.Workdir.create(tmp_path)
    problems = execute(found, workdir)
    assert workdir.run(LARGE).measurement(STEEPNESS).exists()
    first, second, *rest = problems
    assert "became" in first and diverging.name in first
    assert "--keep_iterates=1" in second
    assert rest == [f"{workdir.run(diverging).folder}: not finished, so there is no minimizer to measure"]


def test_missing_data_stop_before_anything_is_started(tmp_path):
    run = dataclasses.replace(SMALL, dataset="mnist")
    with pytest.raises(MissingDataError):
        execute([Train(LARGE), Train(run)], records.Workdir.create(tmp_path / "work"),
                data_dir=str(tmp_path / "data"))
    assert not list((tmp_path / "work").iterdir())


def test_only_what_is_left_to_do_needs_its_data(tmp_path):
    workdir, missing = records.Workdir.create(tmp_path / "work"), str(tmp_path / "data")
    found = [Train(paper_run(regime, 0)) for regime in ("SB", "LB")]
    write_run(workdir, found[0].run)
    with pytest.raises(MissingDataError):
        check(found, workdir, data_dir=missing)
    write_run(workdir, found[1].run)
    check(found, workdir, data_dir=missing)
    with pytest.raises(MissingDataError):
        check(found, data_dir=missing)


def test_merging_keeps_each_thing_once():
    found = [Train(SMALL, (0, 2)), Measure((SMALL,), (QUICK,), at=0), Measure((SMALL,), (STEEPNESS,))]
    assert merge([*found, *found]) == found


def test_merging_unites_schedules_and_choices_and_trains_what_is_measured():
    other = dataclasses.replace(QUICK, seed=1)
    assert merge([Measure((LARGE,), (QUICK,)), Train(SMALL, (2,)), Measure((LARGE,), (other, QUICK)),
                  Measure((SMALL,), (QUICK,), at=0)]) == [
        Train(LARGE), Train(SMALL, (2, 0)), Measure((LARGE,), (QUICK, other)), Measure((SMALL,), (QUICK,), at=0)]


def test_a_run_is_trained_after_the_one_that_it_starts_from():
    again = dataclasses.replace(LARGE, start=Start(WARM.name, 1))
    assert [task.run for task in merge([Train(again), Train(WARM), Train(SMALL, (2,))])] == [SMALL, WARM, again]
