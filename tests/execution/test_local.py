"""What experiments need, as tasks, run in this process."""

import dataclasses

import pytest

from replication import configuration, experiments, records, training
from replication.configuration import Sharpness, Start, Steepness
from replication.errors import MissingDataError
from replication.execution import execute, tasks
from replication.experiments import Needs

SMALL = configuration.Run(network="F1", regime="SB", trial=0, dataset="digits", batch_size=359, epochs=3)
LARGE = configuration.Run(network="F1", regime="LB", trial=0, dataset="digits", batch_size=719, epochs=1)
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
    needs = experiments.merge([
        Needs(runs=(WARM, SMALL), iterates=((SMALL, 2),)),
        Needs(runs=(SMALL,), iterates=((SMALL, 2),), iterate_measurements=((SMALL, 3, QUICK),),
              steepness=((SMALL, STEEPNESS),)),
    ])
    workdir = records.Workdir.create(tmp_path)
    listed = tasks(needs)
    assert not any(task.is_done(workdir) for task in listed)
    assert execute(listed, workdir) == []
    assert all(task.is_done(workdir) for task in listed)
    assert trained == [(SMALL, [2, 3]), (WARM, [])]
    small = workdir.run(SMALL)
    assert [iterate.epoch for iterate in small.iterates()] == [2, 3]
    assert all("replayed" not in iterate.content for iterate in small.iterates())
    assert workdir.run(WARM).is_finished
    assert [iterate.epoch for iterate in small.iterates() if iterate.measurement(QUICK).exists()] == [3]
    assert small.iterate(0).measurement(QUICK).exists()
    assert small.steepness(STEEPNESS).exists()
    assert not small.measurement(QUICK).exists()


def test_the_iterates_are_measured_when_x_0_is_too(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    training.train(SMALL, workdir, verbose=0, keep=(3,))
    (task,) = (task for task in tasks(Needs(runs=(SMALL,), iterate_measurements=((SMALL, 3, QUICK),)))
               if task.kind == "iterates")
    assert execute([task], workdir) == [] and task.is_done(workdir)
    workdir.run(SMALL).iterate(0).measurement(QUICK).unlink()
    assert not task.is_done(workdir)
    assert execute([task], workdir) == [] and task.is_done(workdir)


def test_a_failed_task_does_not_stop_the_others(tmp_path):
    diverging = dataclasses.replace(SMALL, optimizer="sgd", learning_rate=1e30)
    lost = dataclasses.replace(LARGE, start=Start(diverging.name, 1))
    needs = Needs(runs=(diverging, lost, LARGE), iterate_measurements=((diverging, 1, QUICK),),
                  steepness=((diverging, STEEPNESS), (LARGE, STEEPNESS)))
    workdir = records.Workdir.create(tmp_path)
    problems = execute(tasks(needs), workdir)
    assert workdir.run(LARGE).steepness(STEEPNESS).exists()
    first, second, *rest = problems
    assert "became" in first and diverging.name in first
    assert "--keep_iterates=1" in second
    assert rest == [f"{workdir.run(diverging).folder}: not finished, so there is no minimizer to measure"]


def test_missing_data_stop_before_anything_is_started(tmp_path):
    run = dataclasses.replace(SMALL, dataset="mnist")
    with pytest.raises(MissingDataError):
        execute(tasks(Needs(runs=(LARGE, run))), records.Workdir.create(tmp_path / "work"),
                data_dir=str(tmp_path / "data"))
    assert not list((tmp_path / "work").iterdir())


def test_merging_keeps_each_thing_once():
    needs = Needs(runs=(SMALL,), iterates=((SMALL, 0), (SMALL, 2)), iterate_measurements=((SMALL, 0, QUICK),),
                  steepness=((SMALL, STEEPNESS),))
    assert experiments.merge([needs, needs]) == needs
