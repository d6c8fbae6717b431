"""The study of the choices that the paper leaves open."""

import dataclasses
import json
import math
import shutil

import pytest

from replication import experiments, files, paper, records
from replication.configuration import Measure, Train, presets
from replication.configuration.tasks import STOPS, merge
from replication.experiments import choices
from replication.report import make_report
from replication.store import Store
from tests.report import fixtures

ENTRIES = [(table, f"{epsilon}_{regime}") for table in (3, 4) for epsilon in ("eps1e-3", "eps5e-4")
           for regime in ("SB", "LB")]


def setup_of(name):
    return experiments.Setup(preset=presets.PRESETS[name], networks=("F1", "C1"), trials=2,
                             jit_compile=lambda network: False)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    workdir = records.Workdir.create(tmp_path_factory.mktemp("choices") / "work")
    fixtures.write_tasks(workdir, merge(choices.needs(setup_of("paper"))))
    return workdir


def test_one_training_serves_all_stops():
    tasks = merge(choices.needs(setup_of("paper")))
    trained = [task for task in tasks if isinstance(task, Train)]
    measured = [task for task in tasks if isinstance(task, Measure)]
    assert len(trained) == len(measured) == 6
    assert {task.keep for task in trained} == {(STOPS,)} and {task.at for task in measured} == {STOPS}
    assert {(task.run.regime, task.run.target_accuracy, task.run.min_epochs) for task in trained} == {
        ("grid", 99.66, 20), ("grid", 99.92, 20)}
    # Two epsilons; the full space and two distributions of A; two solvers; two batches.
    assert {len(task.choices) for task in measured} == {2 * 3 * 2 * 2}
    assert all(choice.starts == 1 and choice.examples == 10_000 for task in measured for choice in task.choices)


def test_quick_measures_the_minimizers_that_it_has():
    tasks = merge(choices.needs(setup_of("quick")))
    setup = setup_of("quick")
    assert {task.run for task in tasks} == set(setup.runs(["F1"], trials=1))
    assert {choice.subspace_dim for task in tasks if isinstance(task, Measure) for choice in task.choices} == {0}


def test_every_combination_is_a_line_beside_the_paper(workdir):
    store = Store(workdir)
    assert store.problems == []
    headings, lines = choices.listing(store)
    found, = choices.combinations(store).values()
    assert len(found) == 3 * 3 * 2 * 2 * 2 == len(lines) - 1
    assert {len(line.cells) for line in lines} == {len(headings)}
    distances = [each.distance for each in found]
    assert distances == sorted(distances)
    first = found[0]
    ratios = [first.values[entry] / paper.table(entry[0])["F1"][entry[1]].mean for entry in ENTRIES[:-1]]
    assert first.distance == pytest.approx(math.sqrt(sum(math.log(ratio) ** 2 for ratio in ratios) / 7))
    assert "9.17 [2.17?]" in lines[0].cells
    assert {each.epochs for each in found} == {"12, 12", "7, 7", "9, 9"}
    # The accuracies are those of the epoch of each stop.
    assert {round(each.accuracies["test_SB"], 6) for each in found if each.choices["stop"] == "accuracy"} == {
        round(100 * (0.979 - 0.1 / 49), 6)}


def test_a_sharpness_of_0_is_the_farthest():
    values = {entry: 1.0 for entry in ENTRIES}
    one = choices.Combination({}, "", values, {}, ())
    assert dataclasses.replace(one, values={**values, (4, "eps5e-4_LB"): 0.0}).distance == one.distance
    assert dataclasses.replace(one, values={**values, (3, "eps1e-3_SB"): 0.0}).distance == math.inf
    del values[3, "eps1e-3_LB"]
    assert one.distance is None


def test_sharpness_of_0_and_accuracies_that_are_not_recorded_leave_the_rest_as_it_is(workdir, tmp_path):
    copy = records.Workdir(shutil.copytree(workdir.path, tmp_path / "work"))
    for path in copy.path.rglob("full-0.0005-*.json"):
        content = files.read_json(path)
        if content["configuration"]["solver"] == "scipy":
            files.write_json(path, {**content, "sharpness": 0.0})
    for path in copy.path.rglob("history.csv"):
        path.unlink()
    assert make_report(copy) == []
    plot, = choices.effects(Store(copy))
    assert plot.title.endswith("what each choice does (without 36 of 72 combinations)")
    lines = json.loads((copy.tables / "choices.json").read_text(), parse_constant=pytest.fail)["lines"]
    column = "rms of ln(ours / paper)"
    assert [line[column] for line in lines[1:]].count(None) == 36
    assert all(line["test SB − paper"] is None for line in lines[1:] if line["stop"] != "ceased")


def test_effects_are_factors_with_everything_else_the_same(workdir):
    plot, = choices.effects(Store(workdir))
    panel, = plot.panels
    labels = {label: x for x, label in panel.x_ticks}
    points = {(series.label, round(x)): y for series in panel.series if series.marker
              for x, y in zip(series.x, series.y)}
    for regime in ("SB", "LB"):
        # SciPy's defaults give half of it, He's kernels a quarter of that of the two others.
        assert points[regime, labels["solver: scipy"]] == pytest.approx(0.5 ** 0.5)
        assert points[regime, labels["initial kernels: he_uniform"]] == pytest.approx(0.25 ** (2 / 3))
        assert points[regime, labels["batch of f: all"]] == pytest.approx(1)


def test_they_enter_no_other_table_and_are_on_the_page(workdir):
    assert make_report(workdir) == []
    assert not any(row.values for table in experiments.tables().values() for row in table.rows(Store(workdir)))
    assert len(files.read_json(workdir.tables / "choices.json")["lines"]) == 73
    assert (workdir.figures / "choice_effects-F1.svg").exists()
    assert "What each choice does" in workdir.page.read_text() or "what each choice does" in workdir.page.read_text()
