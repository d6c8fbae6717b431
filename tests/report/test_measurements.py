"""The CSV file of all measurements holds what the records hold."""

import csv
import json

from replication.configuration import Sharpness
from replication.report import make_report
from tests.report import fixtures


def _lines(workdir, *, drawn=False):
    assert drawn or make_report(workdir) == []
    return list(csv.DictReader(workdir.measurements_table.read_text(encoding="utf-8").splitlines()))


def test_every_record_has_its_lines(drawn_workdir):
    workdir = drawn_workdir
    lines = _lines(workdir, drawn=True)
    files = {kind: sorted(workdir.path.glob(f"runs/**/{kind}/*.json")) for kind in ("sharpness", "steepness")}
    assert sum(line["kind"] == "sharpness" for line in lines) == len(files["sharpness"]) > 0
    values = sorted(json.loads(path.read_text(encoding="utf-8"))["sharpness"] for path in files["sharpness"])
    assert sorted(float(line["sharpness"]) for line in lines if line["kind"] == "sharpness") == values
    rises = [len(content[name]) for content in (json.loads(path.read_text(encoding="utf-8"))
                                                for path in files["steepness"])
             for name in ("random", "blocks", "ranked")]
    assert sum(line["kind"] == "steepness" for line in lines) == sum(rises) > 0
    points = [len(json.loads(path.read_text(encoding="utf-8"))["alpha"]) for path in workdir.path.glob("paths/*.json")]
    assert sum(line["kind"] == "paths" for line in lines) == sum(points) > 0


def test_a_training_is_a_line(paper_workdir):
    lines = {line["run"]: line for line in _lines(paper_workdir) if line["kind"] == "training"}
    assert len(lines) == len(list(paper_workdir.path.glob("runs/*/result.json")))
    record = paper_workdir.run(fixtures.paper_run("LB", 2))
    line, result = lines[record.name], record.result
    assert {name: float(line[name]) for name in result["batch"]} == result["batch"]
    assert (int(line["epoch"]), float(line["seconds"])) == (result["epochs"], result["seconds"])
    assert line["network"] == "F1" and line["batch_size"] == "6000"


def test_the_last_iterate_is_the_minimizer_and_makes_no_second_line(paper_workdir):
    record = paper_workdir.run(fixtures.paper_run("SB", 0))
    known = sum(line["kind"] == "sharpness" for line in _lines(paper_workdir))
    iterate = fixtures.write_iterate(record, record.result["epochs"])
    fixtures.write_measurement(iterate, Sharpness(), 3.0, weights_checksum=iterate.checksum)
    fixtures.write_measurement(iterate, Sharpness(examples=100), 3.0, weights_checksum=iterate.checksum)
    assert sum(line["kind"] == "sharpness" for line in _lines(paper_workdir)) == known + 1


def test_a_line_names_run_choices_and_origin(paper_workdir):
    line = next(line for line in _lines(paper_workdir) if line["kind"] == "sharpness")
    content = json.loads(next(paper_workdir.path.glob(f"runs/{line['run']}/sharpness/*.json")).read_text())
    assert line["network"] == "F1" and line["trial"] == str(fixtures.paper_run("SB", 0).trial)
    assert float(line["choice_epsilon"]) in (1e-3, 5e-4) and line["choice_statistics"] == "batch"
    assert line["status"] == content["status"]


def test_the_same_records_give_the_same_bytes(paper_workdir):
    make_report(paper_workdir)
    first = paper_workdir.measurements_table.read_bytes()
    make_report(paper_workdir)
    assert paper_workdir.measurements_table.read_bytes() == first
