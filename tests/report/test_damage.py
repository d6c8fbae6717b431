"""Damaged records: each is one line of the report, and the others are drawn."""

import dataclasses
import json

import pytest

from replication import configuration, files, records
from replication.records import damage as damages
from replication.report import make_report, verify
from replication.store import Store
from tests.report import fixtures
from tests.report.fixtures import paper_run, quick_run


def damage_weights(record):
    record.final_weights.write_bytes(b"broken")


def damage_configuration(record):
    (record.folder / "config.json").write_text("{")


def damage_result(record):
    (record.folder / "result.json").write_text("{}")


def damage_figures(record):
    result = record.result
    del result["batch"]["test_loss"]
    files.write_json(record.folder / "result.json", result)


@pytest.mark.parametrize("damage", [damage_weights, damage_configuration, damage_result, damage_figures])
def test_a_damaged_run_is_reported_and_the_others_are_used(paper_workdir, damage):
    run = paper_run("LB", 2)
    damage(paper_workdir.run(run))
    problems = make_report(paper_workdir)
    assert len(problems) == 1 and run.name in problems[0]
    entries, problems = verify(paper_workdir)
    assert len(problems) == 1
    trials = {entry.name: entry.ours.trials for entry in entries
              if (entry.table, entry.network) == (2, "F1")}
    assert trials == {"train_SB": 3, "train_LB": 2, "test_SB": 3, "test_LB": 2, "test_gap": 2}
    assert run.name in paper_workdir.page.read_text()


def test_damaged_measurements_and_paths_are_reported(paper_workdir):
    record = paper_workdir.run(paper_run("SB", 0))
    first, second, third, _ = sorted((record.folder / "sharpness").iterdir())
    first.write_text("[")
    content = json.loads(second.read_text())
    files.write_json(second, content | {"weights_checksum": "of other weights"})
    files.write_json(third, json.loads(third.read_text()) | {"configuration": {"epsilon": -1}})
    (path,) = (paper_workdir.path / "paths").iterdir()
    files.write_json(path, json.loads(path.read_text()) | {"alpha": [0.0]})
    problems = make_report(paper_workdir)
    assert len(problems) == 4 and all("\n" not in problem for problem in problems)
    assert not list(paper_workdir.figures.glob("figure3*"))


def test_a_path_between_other_weights_is_reported(paper_workdir):
    (path,) = (paper_workdir.path / "paths").iterdir()
    files.write_json(path, files.read_json(path) | {"weights_checksums": ["of other", "weights"]})
    problem, = make_report(paper_workdir)
    assert "was made of other weights than the runs'" in problem and "--remake_damaged" in problem
    assert not list(paper_workdir.figures.glob("figure3*"))


def damage_history(record):
    (record.folder / "history.csv").write_text("epoch,accuracy\n1,high\n")
    checksums = {**record.result["checksums"], "history.csv": files.file_checksum(record.folder / "history.csv")}
    files.write_json(record.folder / "result.json", {**record.result, "checksums": checksums})


def damage_iterate(record):
    record.iterate(5).weights.write_bytes(b"broken")


def damage_description_of_iterate(record):
    (record.iterate(5).folder / "iterate.json").write_text("{")


def damage_measurement_of_iterate(record):
    (path,) = (record.iterate(5).folder / "sharpness").iterdir()
    files.write_json(path, files.read_json(path) | {"weights_checksum": "of other weights"})


def damage_steepness(record):
    (path,) = (record.folder / "steepness").iterdir()
    files.write_json(path, files.read_json(path) | {"random": [None]})


def damage_measurement_of_x_0(record):
    (path,) = (record.iterate(0).folder / "sharpness").iterdir()
    files.write_json(path, files.read_json(path) | {"weights_checksum": "of other weights"})


def without(name):
    """A damage of the steepness: what the page reads under this name is gone."""
    def damage(record):
        (path,) = (record.folder / "steepness").iterdir()
        content = files.read_json(path)
        del content[name]
        files.write_json(path, content)
    return damage


def damage_pairs_of_steepness(record):
    (path,) = (record.folder / "steepness").iterdir()
    files.write_json(path, files.read_json(path) | {"ranked": [[0.1, 1.0], [0.2]]})


def damage_choices_of_steepness(record):
    (path,) = (record.folder / "steepness").iterdir()
    files.write_json(path, files.read_json(path) | {"configuration": {"blocks": 0}})


@pytest.mark.parametrize("damage", [
    damage_history, damage_iterate, damage_description_of_iterate, damage_measurement_of_iterate, damage_steepness,
    damage_choices_of_steepness, damage_measurement_of_x_0, damage_pairs_of_steepness,
    *map(without, ("random", "blocks", "ranked", "configuration"))])
def test_each_damaged_record_of_a_run_is_one_line(whole_workdir, damage):
    record = whole_workdir.run(quick_run("LB", 0, network="C1"))
    damage(record)
    (problem,) = Store(whole_workdir).problems
    assert record.name in problem and "\n" not in problem


def test_a_failed_run_without_a_reason_that_can_be_read(paper_workdir):
    record = paper_workdir.run(paper_run("SB", 0))
    (record.folder / "failure.json").write_text("{")
    assert len(make_report(paper_workdir)) == 1


def test_a_warm_start_from_weights_that_were_made_again_is_reported_and_set_aside(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    source = fixtures.write_run(workdir, quick_run("SB", 0))
    iterate = fixtures.write_iterate(source, 2)
    for start in (configuration.Start(source.name, 2), configuration.Start(source.name)):
        fixtures.write_run(workdir, dataclasses.replace(quick_run("LB", 0), start=start))
    assert Store(workdir).problems == [] == damages.set_aside(workdir)
    iterate.weights.write_bytes(b"others")
    files.write_json(iterate.folder / "iterate.json", {"checksum": files.file_checksum(iterate.weights)})
    problem, = Store(workdir).problems
    assert "began at other weights" in problem and str(iterate.weights) in problem
    moved, = damages.set_aside(workdir)
    assert moved.parent.name == "runs" and Store(workdir).problems == []
    assert len(Store(workdir).runs) == 2


def test_damage_of_the_source_is_none_of_its_warm_starts(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    source = fixtures.write_run(workdir, quick_run("SB", 0))
    iterate = fixtures.write_iterate(source, 2)
    started = fixtures.write_run(workdir, dataclasses.replace(
        quick_run("LB", 0), start=configuration.Start(source.name, 2)))
    (iterate.folder / "iterate.json").write_text("{")
    problem, = Store(workdir).problems
    assert str(iterate.folder) in problem and started.name in [each.name for each in Store(workdir).runs]
    assert damages.set_aside(workdir) == [iterate.folder.relative_to(workdir.path)]
