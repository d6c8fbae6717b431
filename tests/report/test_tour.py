"""The experiments beyond the paper, of plausible records of the preset tour."""

import copy
import dataclasses
import re
import shutil

import numpy as np
import pytest

from replication import experiments, files, records
from replication.configuration import Sharpness
from replication.experiments.base import BEYOND_THE_PAPER
from replication.report import make_report
from replication.report.figures import FORMATS, render
from replication.store import Store
from replication.store.grouping import MAIN
from tests.report import fixtures

BEYOND = sorted(name for found in (experiments.listings(), experiments.figures()) for name, each in found.items()
                if each.place in BEYOND_THE_PAPER)
ANSWERED = [name for name in experiments.names() if experiments.get(name).answer]


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    workdir = records.Workdir.create(tmp_path_factory.mktemp("tour") / "work")
    fixtures.write_tasks(workdir, fixtures.tasks_of("tour"))
    return workdir


@pytest.fixture(scope="module")
def store(tour):
    found = Store(tour)
    assert found.problems == []
    return found


def shown(experiment, store):
    """The lines or plots of an experiment."""
    return experiment.listing(store)[1] if hasattr(experiment, "listing") else experiment.axes(store)


def test_the_page_has_a_section_of_each_that_begins_with_its_answer(tour, store):
    assert make_report(tour) == []
    page = tour.page.read_text()
    assert "Not made yet" not in page
    for name in {*BEYOND, *ANSWERED}:
        (section,) = re.findall(f'<section id="{name}">.*?</section>', page, re.DOTALL)
        experiment = experiments.get(name)
        assert "Nothing to show" not in section
        if experiment.answer:
            assert re.search(r'</h2>\s*<p class="answer"><b>[^<]{40,}</b></p>', section), name


@pytest.mark.parametrize("name", sorted({*BEYOND, *ANSWERED}))
def test_without_records_there_is_neither_an_answer_nor_anything_to_show(name, tmp_path):
    if name == "paper_correlation":
        pytest.skip("it needs no record")
    experiment, empty = experiments.get(name), Store(records.Workdir.create(tmp_path))
    assert not shown(experiment, empty) and (experiment.answer is None or experiment.answer(empty) == "")


@pytest.fixture(scope="module")
def shrunk(store):
    """The same, but every sharpness, eigenvalue and f of large batches is less, by different factors."""
    other = copy.deepcopy(store)
    for each in other.runs:
        if each.run.batch_size > 100:
            for point in (each, *each.iterates):
                for found in point.measurements.values():
                    for item in found:
                        _shrink(item.content, 0.1 / (1 + getattr(item.choices, "partition", 0)) / (
                            2 if each.run.remedy else 1))
    for found in other.joined.values():
        for each in found:
            for point in each.content.get("points", ()):
                if point["regime"] == "LB":
                    point["sharpness"] *= 0.1 if point["weights"] == "as trained" else 0.3
            if "train_loss" in each.content:
                each.content["train_loss"] = [0.1 * value for value in each.content["train_loss"]]
    return other


@pytest.mark.parametrize("name", [name for name in ANSWERED if name not in ("paper_correlation", "robustness")])
def test_an_answer_changes_with_the_numbers(name, store, shrunk):
    answer = experiments.get(name).answer
    other = shrunk
    if name == "correlation":
        # A rank does not change with the scale.
        other = copy.deepcopy(store)
        for number, each in enumerate(other.runs):
            each.result["batch"]["test_accuracy"] = 0.9 + 0.001 * number
    assert answer(store) and answer(other) and answer(store) != answer(other)


def _shrink(content, factor):
    for name in ("sharpness", "trace"):
        if name in content:
            content[name] *= factor
    if "eigenvalues" in content:
        content["eigenvalues"] = [factor * value for value in content["eigenvalues"]]
        # Far enough that fewer of them exceed a tenth of SB's largest.
        content["nodes"] = [[factor**3 * value for value in row] for row in content["nodes"]]
    if "steps" in content and "accuracy" in content:
        content["loss"] = [[None if value is None else factor * value for value in row] for row in content["loss"]]


@pytest.mark.parametrize("kind, field, experiment", [
    ("sharpness", "partition", "spectrum"), ("spectrum", "steps", "spectrum"),
    ("robustness", "iterations", "robustness"), ("surface", "reach", "surface")])
def test_a_measurement_by_other_choices_is_not_taken_for_the_usual_one(kind, field, experiment, store):
    """It is the first one of plain LB, as it may be by its file's name."""
    other, number = copy.deepcopy(store), 0
    for each in other.runs:
        if each.run.regime == "LB" and MAIN.admits(each) and each.measurements[kind]:
            number += 1
            # Of the part of the examples that the experiment takes.
            item = next(item for item in each.measurements[kind] if item.choices.examples == 500
                        and (kind != "sharpness" or item.choices == Sharpness(examples=500, seed=each.run.trial)))
            changed = {field: getattr(item.choices, field) + 5, **({"epsilon": None} if kind == "spectrum" else {})}
            content = copy.deepcopy(item.content)
            _shrink(content, 7)
            content["rises"] = {name: 7e7 for name in content.get("rises", ())}
            each.measurements[kind] = (dataclasses.replace(
                item, choices=dataclasses.replace(item.choices, **changed), content=content), *each.measurements[kind])
    assert number == 1
    found = experiments.get(experiment)
    assert str(shown(found, other)) == str(shown(found, store))


def test_a_box_without_a_spectrum_of_the_hessian_is_left_out(store):
    other = copy.deepcopy(store)
    for each in other.runs:
        for point in (each, *each.iterates):
            point.measurements["spectrum"] = [item for item in point.measurements["spectrum"] if item.choices.epsilon]
    assert experiments.get("spectral_density").axes(other) == []
    assert experiments.get("spectrum").listing(other)[1] == [] and experiments.get("spectrum").answer(other) == ""


def test_choices_are_those_of_the_study_at_the_minimizers(store):
    """The last iterates were measured for figure 6, and the minimizers over other parts of the examples for others."""
    headings, (_, *lines) = experiments.get("choices").listing(store)
    assert {line.cells[headings.index("batch of f")] for line in lines} == {"250", "all"}
    assert {line.cells[headings.index("solver")] for line in lines} == {"scaled", "scipy"}


@pytest.mark.parametrize("options", [{"warmup_epochs": 3.0}, {"small_batch": 7}])
def test_an_imitation_with_other_options_is_no_combination_of_the_study(options, store):
    other, found = copy.deepcopy(store), experiments.get("origins")
    (each, *_) = [each for each in other.runs if each.run.remedy and each.run.remedy.NAME == "imitation"]
    remedy = dataclasses.replace(each.run.remedy, **options)
    other.runs.append(dataclasses.replace(each, name="another", run=dataclasses.replace(each.run, remedy=remedy)))
    lines = found.listing(other)[1]
    assert all(line in lines for line in found.listing(store)[1])
    assert all(line.runs == ("another",) or "another" not in line.runs for line in lines)


def test_escape_tells_the_methods_by_where_they_start(store):
    other, found = copy.deepcopy(store), experiments.get("escape")
    small = min(each.run.batch_size for each in other.runs if each.run.start)
    other.runs = [each for each in other.runs if not (each.run.start and each.run.batch_size == small)]
    for stored, names in ((store, {"SB from LB’s minimizer", "LB from SB’s minimizer"}),
                          (other, {"LB from SB’s minimizer"})):
        (plot,) = found.axes(stored)
        assert {series.label for series in plot.panels[0].series if "minimizer" in series.label} == names
    for index, each in enumerate(other.runs):
        other.runs[index] = dataclasses.replace(each, iterates=each.iterates[1:]) if each.run.start else each
    assert found.answer(store) and not found.answer(other), "without its measurement at the start"


def test_surfaces_are_written_as_arrays(tour, tmp_path):
    workdir = records.Workdir(shutil.copytree(tour.path, tmp_path / "work"))
    (workdir.tables / "surface-of-an-earlier-run.npz").parent.mkdir(exist_ok=True)
    (workdir.tables / "surface-of-an-earlier-run.npz").touch()
    make_report(workdir)
    first, second = sorted(workdir.tables.glob("*.npz"))
    found, before = np.load(first), first.read_bytes()
    assert found["loss"].shape == found["accuracy"].shape == (9, 9) and np.isnan(found["loss"][0, 0])
    assert found["steps"].tolist() == np.linspace(-1, 1, 9).tolist()
    first.unlink()
    make_report(workdir)
    assert first.read_bytes() == before and second.exists()


def test_surfaces_are_drawn_in_every_format(store):
    plot, *_ = experiments.get("surface").axes(store)
    assert set(render(plot)) == set(FORMATS)


def test_listings_have_as_many_cells_as_headings(store):
    for name in BEYOND:
        experiment = experiments.get(name)
        if hasattr(experiment, "listing"):
            headings, lines = experiment.listing(store)
            assert lines and {len(line.cells) for line in lines} == {len(headings)}, name


def test_measurements_that_cannot_be_read_are_told_and_left_out(tour, tmp_path):
    workdir = records.Workdir(shutil.copytree(tour.path, tmp_path / "work"))
    for kind, field in (("spectrum", "trace"), ("robustness", "rises"), ("surface", "loss"), ("geometry", "norm")):
        file = sorted(workdir.path.glob(f"runs/*/{kind}/*.json"))[0]
        files.write_json(file, {**files.read_json(file), field: None})
    file = sorted((workdir.path / "reparametrization").glob("*.json"))[0]
    files.write_json(file, {**files.read_json(file), "points": [{}]})
    problems = Store(workdir).problems
    assert len(problems) == 5 and all("is missing or of the wrong kind" in problem for problem in problems)
    assert make_report(workdir) == problems
