import pytest

from replication import experiments, records
from replication.configuration import Distribution, Sharpness
from replication.experiments import figure3, table2, table3
from replication.report import grouping, make_report
from replication.report.store import Store
from tests.report import fixtures
from tests.report.fixtures import other, paper_run, write_run


def rows(workdir, table=table2):
    return {row.label: row.values for row in table.rows(Store(workdir))}


@pytest.fixture
def workdir(tmp_path):
    return records.Workdir.create(tmp_path / "work")


def test_trials_of_one_configuration_form_a_row(paper_workdir):
    (row,) = table2.rows(Store(paper_workdir))
    assert (row.network, row.dataset, row.label) == ("F1", "mnist", "")
    assert row.values["test_SB"] == pytest.approx((98.01, 98.04, 98.07))


def test_architectures_are_rows_of_their_own(workdir):
    for architecture in ("released", "text"):
        for regime in ("SB", "LB"):
            write_run(workdir, other(paper_run(regime, 0, network="C1"), architecture=architecture))
    found = rows(workdir)
    assert set(found) == {"architecture released", "architecture text"}
    assert all(len(values["test_SB"]) == len(values["test_LB"]) == 1 for values in found.values())


def test_several_devices_are_a_row_of_their_own_and_named_on_the_page(workdir):
    for distribution in (None, Distribution(2), Distribution(2, synchronized=False)):
        for regime in ("SB", "LB"):
            write_run(workdir, other(paper_run(regime, 0), distribution=distribution))
    assert set(rows(workdir)) == {f"distribution {text}" for text in (
        "none", "2 devices", "2 devices, each with batch statistics of its own")}
    assert make_report(workdir) == []
    assert "2 devices, each with batch statistics of its own" in workdir.page.read_text()


def test_another_batch_size_is_a_row_of_its_own(paper_workdir):
    write_run(paper_workdir, other(paper_run("SB", 0), batch_size=128))
    found = rows(paper_workdir)
    assert {label: len(values["test_SB"]) for label, values in found.items()} == {
        "SB batch size 128": 1, "SB batch size 256": 3}
    assert all(len(values["test_LB"]) == 3 for values in found.values())


def test_only_matching_configurations_are_compared(paper_workdir):
    write_run(paper_workdir, other(paper_run("SB", 0), epochs=1))
    write_run(paper_workdir, other(paper_run("LB", 0), epochs=1))
    write_run(paper_workdir, other(paper_run("SB", 0), learning_rate=0.01))
    found = rows(paper_workdir)
    assert {label: (len(values["test_SB"]), len(values["test_LB"])) for label, values in found.items()} == {
        "learning rate 0.001, epochs by the stopping rule": (3, 3),
        "learning rate 0.001, epochs 1": (1, 1),
        "learning rate 0.01, epochs by the stopping rule": (1, 0)}


def test_the_only_two_configurations_are_compared_whatever_differs(workdir):
    write_run(workdir, other(paper_run("SB", 0), epochs=60))
    write_run(workdir, other(paper_run("LB", 0), epochs=150))
    (row,) = table2.rows(Store(workdir))
    assert row.label == "" and row.values["test_SB"] and row.values["test_LB"]


def test_runs_on_different_data_are_neither_averaged_nor_compared(workdir):
    write_run(workdir, paper_run("SB", 0))
    write_run(workdir, paper_run("SB", 1), fingerprint="beef")
    write_run(workdir, paper_run("LB", 0))
    found = rows(workdir)
    assert {label: (len(values["test_SB"]), len(values["test_LB"])) for label, values in found.items()} == {
        "data f00d": (1, 1), "data beef": (1, 0)}


def test_measurements_made_differently_are_rows_of_their_own(paper_workdir):
    record = paper_workdir.run(paper_run("LB", 0))
    fixtures.write_measurement(record, Sharpness(iterations=20), 999.0)
    found = rows(paper_workdir, table3)
    assert found["iterations 20"]["eps1e-3_LB"] == (999.0,)
    assert found["iterations 10"]["eps1e-3_LB"] == pytest.approx((323.0, 355.3, 387.6))


def test_a_measurement_with_another_seed_than_the_trial_is_no_trial(paper_workdir):
    fixtures.write_measurement(paper_workdir.run(paper_run("LB", 0)), Sharpness(seed=7), 999.0)
    assert 999.0 not in rows(paper_workdir, table3)[""]["eps1e-3_LB"]


def test_the_subspace_has_a_table_of_its_own(paper_workdir):
    values = rows(paper_workdir, experiments.get("table4"))[""]
    assert values["eps5e-4_SB"] == pytest.approx((0.07, 0.077, 0.084))


def test_the_figure_shows_the_lowest_trial(paper_workdir):
    small, large = (paper_workdir.run(paper_run(regime, 1)) for regime in ("SB", "LB"))
    fixtures.write_path(paper_workdir, small, large)
    (plot,) = figure3.axes(Store(paper_workdir))
    assert (plot.name, plot.title) == ("figure3-F1", "F1 on mnist, trial 0")


def test_paths_of_different_configurations_are_different_plots(paper_workdir):
    small = write_run(paper_workdir, other(paper_run("SB", 0), batch_size=128))
    fixtures.write_path(paper_workdir, small, paper_workdir.run(paper_run("LB", 0)))
    plots = figure3.axes(Store(paper_workdir))
    assert [plot.name for plot in plots] == ["figure3-F1-1", "figure3-F1-2"]
    assert {plot.title for plot in plots} == {
        "F1 on mnist, trial 0 (SB batch size 128)", "F1 on mnist, trial 0 (SB batch size 256)"}


def test_trials_are_paired(paper_workdir):
    write_run(paper_workdir, paper_run("SB", 7))
    (comparison,) = Store(paper_workdir).comparisons()
    assert [(small.run.trial, large.run.trial) for small, large in comparison.pairs()] == [(0, 0), (1, 1), (2, 2)]
    assert len(comparison.small) == 4


def test_labels_name_what_differs():
    labels = grouping.distinguish([{"a": 1, "b_c": 2}, {"a": 1, "b_c": 3}, {}])
    assert labels == ["b c 2", "b c 3", ""]
