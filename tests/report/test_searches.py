"""Searches in the report: the listing of their trials, and accuracy against sharpness."""

import shutil

import pytest

from replication import files, records
from replication.experiments.tuning import SEARCHES, TRADEOFF
from replication.report import make_report
from replication.store import Store
from tests.report import fixtures


def test_the_best_admissible_trial_comes_first_and_failed_ones_last(paper_workdir):
    fixtures.write_search(paper_workdir)
    headings, lines = SEARCHES.listing(Store(paper_workdir))
    assert [line.cells[1:3] for line in lines] == [
        ("1", "finished"), ("0", "finished"), ("2", "beyond the bound"), ("3", "failed")]
    assert lines[0].cells[3:7] == (pytest.approx(91), 0.5, 16.0, "20")
    assert lines[3].cells[3:7] == (None, None, None, "–")
    assert lines[0].cells[7] == "optimizer adam, learning rate 0.1"
    assert "sharpness of 20 %" in lines[0].cells[0] and len(headings) == len(lines[0].cells)


def test_a_search_for_flat_minimizers_has_the_flattest_first(paper_workdir):
    fixtures.write_search(paper_workdir, objective="sharpness", max_sharpness=None)
    _, lines = SEARCHES.listing(Store(paper_workdir))
    assert [line.cells[5] for line in lines[:3]] == [8, 16, 24]


def test_the_line_joins_the_trials_that_none_beats_in_both(paper_workdir):
    search = fixtures.write_search(paper_workdir)
    record = paper_workdir.search(search)
    content = record.config
    content["trials"][1]["val_accuracy"] = 0.85
    record.write(content, None)
    (plot,) = TRADEOFF.axes(Store(paper_workdir))
    points, best = plot.panels[0].series
    assert plot.name == f"tradeoff-{search.name}"
    assert points.x == (8, 16, 24) and not points.joined
    assert best.x == (8, 24) and best.y == pytest.approx((90, 92))


def test_no_finished_trial_no_plot(paper_workdir):
    fixtures.write_search(paper_workdir, trials=1)
    assert TRADEOFF.axes(Store(paper_workdir)) == []


@pytest.mark.parametrize("change", [
    lambda content: content.pop("trials"),
    lambda content: content["configuration"].pop("network"),
    lambda content: content["trials"][0].pop("hyperparameters"),
    lambda content: content["trials"][0].update(sharpness="flat"),
])
def test_a_damaged_search_is_a_problem_and_leaves_the_others(change, paper_workdir):
    fixtures.write_search(paper_workdir, seed=1)
    record = paper_workdir.search(fixtures.write_search(paper_workdir))
    content = record.config
    change(content)
    files.write_json(record.folder / "search.json", content)
    (problem,) = make_report(paper_workdir)
    assert problem.startswith(f"{record.folder / 'search.json'}: ")
    assert len(Store(paper_workdir).searches) == 1


def test_a_search_copied_under_another_name_is_refused(paper_workdir):
    search = fixtures.write_search(paper_workdir)
    folder = paper_workdir.search(search).folder
    copied = shutil.copytree(folder, folder.with_name("mine"))
    (problem,) = make_report(paper_workdir)
    assert problem == f"{copied / 'search.json'}: belongs to the search {search.name}, not to this folder"
    assert [found.choices for found in Store(paper_workdir).searches] == [search]


def test_labels_tell_searches_apart(paper_workdir):
    changes = {"seed": 1, "validation_share": 0.2, "sharpness_epsilon": 5e-4, "sharpness_iterations": 5,
               "statistics": "moving", "jit_compile": True, "max_sharpness": 20.000001, "epochs": 3}
    for name, value in changes.items():
        fixtures.write_search(paper_workdir, **{name: value})
    fixtures.write_search(paper_workdir, network="C1", dataset="digits32")
    fixtures.write_search(paper_workdir, network="C1", dataset="digits32", architecture="text")
    labels = {search.choices.name: search.label for search in Store(paper_workdir).searches}
    assert len(set(labels.values())) == len(labels) == len(changes) + 2
    assert sorted(label.split("epochs, ")[1] for label in labels.values() if label.startswith("C1")) == [
        "architecture released", "architecture text"]


def test_one_search_has_its_main_choices_as_its_label(paper_workdir):
    fixtures.write_search(paper_workdir, seed=7)
    (search,) = Store(paper_workdir).searches
    assert search.label == "F1 on digits, random, val_accuracy within a sharpness of 20 %, 20 epochs"


def test_hostile_text_is_escaped(paper_workdir):
    hostile = '<script>alert("x")</script> & <b>'
    record = paper_workdir.search(fixtures.write_search(paper_workdir, trials=2))
    content = record.config
    content["trials"][0]["hyperparameters"] = {hostile: hostile}
    content["trials"][1] |= {"trial": hostile, "status": hostile, "reason": hostile}
    record.write(content, None)
    assert make_report(paper_workdir) == []
    page = paper_workdir.page.read_text(encoding="utf-8")
    assert "<script" not in page and page.count("&lt;script&gt;") == 4


def test_a_page_without_searches_has_no_section_of_them(paper_workdir):
    make_report(paper_workdir)
    page = paper_workdir.page.read_text()
    assert 'id="searches"' not in page and 'id="tradeoff"' not in page
    assert "<code>--experiments=table6</code> makes them" in page


def test_a_workdir_of_searches_alone_is_drawn(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    search = fixtures.write_search(workdir)
    assert make_report(records.Workdir.open(tmp_path)) == []
    assert search.name in workdir.page.read_text()
