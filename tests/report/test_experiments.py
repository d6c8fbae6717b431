"""What each table, figure and listing makes of the records."""

import re

import pytest

from replication import experiments, files, remedies
from replication.configuration import Sharpness, Start
from replication.report import make_report
from replication.store import Store
from replication.store.grouping import first_paths
from tests.report import fixtures
from tests.report.fixtures import other, paper_run, write_run


def rows(number, workdir):
    return experiments.tables()[number].rows(Store(workdir))


def axes(name, workdir):
    return experiments.get(name).axes(Store(workdir))


def listing(name, workdir):
    return experiments.get(name).listing(Store(workdir))


def test_remedied_lb_is_compared_with_plain_sb_in_table_7_alone(paper_workdir):
    record = write_run(paper_workdir, other(paper_run("LB", 0), remedy=remedies.Conservative()))
    fixtures.write_measurement(record, Sharpness(), 222.0)
    (row,) = rows(7, paper_workdir)
    assert (row.label, len(row.values["test_baseline_SB"]), len(row.values["test_conservative_LB"])) == ("", 3, 1)
    assert row.values["conservative_LB_eps1e-3"] == {0: 222.0} and row.values["conservative_LB_eps5e-4"] == {}
    assert row.runs["LB"] == {0: record.name}
    assert rows(6, paper_workdir) == []


def test_a_remedy_with_other_options_enters_no_table_of_the_paper(paper_workdir):
    for options in ({}, {"iterations": 5}, {"penalty": 0.0}):
        write_run(paper_workdir, other(paper_run("LB", 0), remedy=remedies.Conservative(**options)))
    (row,) = rows(7, paper_workdir)
    assert row.label == "" and len(row.runs["LB"]) == 1


def grid(workdir, sizes, *, trial=0, **changes):
    for size in sizes:
        run = other(paper_run("SB", trial), regime="grid", batch_size=size, **changes)
        fixtures.write_measurement(write_run(workdir, run), Sharpness(seed=trial), float(size))


def test_figure_4_takes_sb_and_lb_in_where_they_differ_in_the_batch_size_alone(paper_workdir):
    grid(paper_workdir, (1024, 2048))
    grid(paper_workdir, (512,), trial=2)
    (plot,) = axes("figure4", paper_workdir)
    (panel,) = plot.panels
    assert panel.series[0].x == (256, 1024, 2048, 6000) and panel.marks == ((256, "SB"), (6000, "LB"))
    assert panel.series[1].y == pytest.approx((2.55, 1024, 2048, 323.0))
    assert plot.title == "F1 on mnist, trial 0"


def test_figure_4_keeps_other_epochs_apart_and_takes_two_batch_sizes(paper_workdir):
    grid(paper_workdir, (1024,), epochs=100)
    assert axes("figure4", paper_workdir) == []
    grid(paper_workdir, (2048,), epochs=100)
    (plot,) = axes("figure4", paper_workdir)
    assert plot.panels[0].series[0].x == (1024, 2048) and plot.panels[0].marks == ()


def test_what_warm_starts_refer_to_is_no_figure_4_of_its_own(paper_workdir):
    grid(paper_workdir, (256, 6000), epochs=100)
    small, large = (other(paper_run("SB", 0), regime="grid", batch_size=size, epochs=100) for size in (256, 6000))
    write_run(paper_workdir, other(large, start=Start(small.name, 3)))
    assert axes("figure4", paper_workdir) == []
    grid(paper_workdir, (1024,), epochs=100)
    (plot,) = axes("figure4", paper_workdir)
    assert plot.panels[0].series[0].x == (256, 1024, 6000)


def test_each_epsilon_is_a_line_of_its_own(paper_workdir):
    grid(paper_workdir, (1024,))
    run = other(paper_run("SB", 0), regime="grid", batch_size=1024)
    fixtures.write_measurement(paper_workdir.run(run), Sharpness(epsilon=5e-4), 7.0)
    (plot,) = axes("figure4", paper_workdir)
    assert {series.label: series.y for series in plot.panels[0].series[1:]} == {
        "sharpness, ε = 1e-3": (2.55, 1024, 323.0), "sharpness, ε = 5e-4": (0.77, 7.0, 61.0)}


def test_figure_2_is_solid_for_training_and_dashed_for_test(paper_workdir):
    (plot,) = axes("figure2", paper_workdir)
    assert [(series.label, series.dashed, series.role) for series in plot.panels[0].series] == [
        (f"{regime}, {title}", title == "test", regime) for regime in ("SB", "LB") for title in ("training", "test")]
    first = [series.y[0] for series in plot.panels[0].series]
    assert first == pytest.approx([79.69, 88.04, 79.99, 87.82])
    assert {series.x for series in plot.panels[0].series} == {tuple(range(1, fixtures.EPOCHS + 1))}


def test_paths_are_drawn_as_they_were_evaluated(paper_workdir):
    (plot,), (path,) = axes("figure3", paper_workdir), first_paths(Store(paper_workdir).paths, "linear")
    expected = {
        "cross-entropy, training": ("train_loss", 1, False, "left"),
        "cross-entropy, test": ("test_loss", 1, True, "left"),
        "accuracy, training": ("train_accuracy", 100, False, "right"),
        "accuracy, test": ("test_accuracy", 100, True, "right")}
    assert {series.label for series in plot.panels[0].series} == set(expected)
    for series in plot.panels[0].series:
        name, factor, dashed, side = expected[series.label]
        assert series.x == tuple(path.content["alpha"])
        assert series.y == pytest.approx([factor * value for value in path.content[name]])
        assert (series.dashed, series.side, series.role) == (dashed, side, side)


def test_figure_5_orders_the_starts_and_names_its_references(paper_workdir):
    small, large = (other(paper_run(regime, 0), regime="grid", epochs=100) for regime in ("SB", "LB"))
    for run in (small, large, *(other(large, start=Start(small.name, epoch)) for epoch in (9, 3))):
        fixtures.write_measurement(write_run(paper_workdir, run), Sharpness(), 5.0 if run.start else 30.0)
    (plot,) = axes("figure5", paper_workdir)
    warm, own, reference = plot.panels[0].series
    assert warm.x == (3, 9) and reference.y == pytest.approx((97.87, 97.87))
    assert own.x == tuple(range(1, 10)) and own.role == "SB"
    assert plot.panels[1].series[0].x == (0, 3, 9) and plot.panels[1].series[0].y == (30.0, 5.0, 5.0)


def test_figure_6_goes_along_the_measured_iterates(paper_workdir):
    for regime in ("SB", "LB"):
        record = paper_workdir.run(paper_run(regime, 1))
        for epoch in (4, 1):
            iterate = fixtures.write_iterate(record, epoch)
            fixtures.write_measurement(iterate, Sharpness(seed=1), 10.0 * epoch, loss=1 / epoch,
                                       weights_checksum=iterate.checksum)
        fixtures.write_measurement(record.iterate(0), Sharpness(seed=1), 5.0, loss=2.5,
                                   weights_checksum=record.iterate(0).checksum)
    fixtures.write_iterate(paper_workdir.run(paper_run("SB", 0)), 1)
    (plot,) = axes("figure6", paper_workdir)
    assert plot.title == "F1 on mnist, trial 1"
    assert [(series.role, series.x, series.y) for series in plot.panels[0].series] == [
        (regime, (2.5, 1.0, 0.25), (5.0, 10.0, 40.0)) for regime in ("SB", "LB")]
    assert plot.runs == tuple(paper_run(regime, 1).name for regime in ("SB", "LB"))


def test_the_performance_model_meets_our_iterations(paper_workdir):
    (plot,) = axes("performance", paper_workdir)
    bound, ours = plot.panels[0].series
    assert bound.x[-1] == 1.0 and bound.y[-1] == pytest.approx(256 / 6000)
    assert ours.y[0] == pytest.approx(10 / 235)  # 60,000 examples in batches of 6,000 and of 256, equal epochs


@pytest.mark.parametrize("epochs, where", [(1000, "lies above"), (1, "lies below the whole curve")])
def test_the_caption_of_the_performance_model_tells_of_lines_that_do_not_meet(paper_workdir, epochs, where):
    record = paper_workdir.run(paper_run("LB", 0))
    files.write_json(record.folder / "result.json", record.result | {"epochs": epochs})
    (plot,) = axes("performance", paper_workdir)
    bound, ours = plot.panels[0].series
    assert {ratio > ours.y[0] for ratio in bound.y} == {where == "lies below the whole curve"}
    assert where in experiments.get("performance").caption


def test_steepness_is_two_distributions_and_the_rise_along_the_steepest_coordinates(paper_workdir):
    for regime, factor in (("SB", 1), ("LB", 10)):
        fixtures.write_steepness(
            paper_workdir.run(paper_run(regime, 0)), random=[0.3 * factor, -0.1, 0.2, 0.1], blocks=[4.0 * factor, 2.0],
            ranked=[[0.01, 5.0 * factor], [1.0, 8.0 * factor]])
    (plot,) = axes("steepness", paper_workdir)
    above, below = plot.panels
    assert [(series.role, series.dashed, series.x, series.y) for series in above.series] == [
        ("SB", False, (-0.1, 0.1, 0.2, 0.3), (25, 50, 75, 100)), ("SB", True, (2.0, 4.0), (50, 100)),
        ("LB", False, (-0.1, 0.1, 0.2, 3.0), (25, 50, 75, 100)), ("LB", True, (2.0, 40.0), (50, 100))]
    assert [(series.role, series.x, series.y) for series in below.series] == [
        ("SB", (1, 100), (5.0, 8.0)), ("LB", (1, 100), (50.0, 80.0))]
    assert below.log_x and below.log_left
    assert plot.runs == tuple(paper_run(regime, 0).name for regime in ("SB", "LB"))


def test_listings_set_variants_beside_plain_runs(paper_workdir):
    size = 12 * 60_000
    sam = write_run(paper_workdir, other(paper_run("LB", 0), remedy=remedies.SharpnessAware()), gradients=2 * size)
    write_run(paper_workdir, other(paper_run("LB", 0), optimizer="sgd", learning_rate=0.01))
    write_run(paper_workdir, other(paper_run("LB", 0), optimizer="sgd", learning_rate=0.01, epochs=3))
    headings, lines = listing("remedies", paper_workdir)
    assert [line.cells[1:4] for line in lines] == [
        ("SB", "none", "1"), ("LB", "none", "1"), ("LB", "sam, m = 256", "1")]
    assert all(len(line.cells) == len(headings) for line in lines)
    assert lines[2].cells[6] == pytest.approx(97.79) and lines[2].cells[7:] == (None, None, None, None, 2.0)
    assert lines[2].runs == (sam.name,) and lines[1].runs == (paper_run("LB", 0).name,)
    _, lines = listing("optimizers", paper_workdir)
    assert [line.cells[2] for line in lines] == ["adam", "adam", "sgd"]


def test_an_optimizer_stands_for_its_rate_of_the_least_loss_and_adam_for_that_of_the_preset(paper_workdir):
    """Other rates that fit the training set no worse are told; another rate of SB is no denominator."""
    for regime, optimizer, rate, loss, accuracy, sharpness in (
            ("LB", "sgd", 0.01, 2e-3, 1.0, 2.0), ("LB", "sgd", 0.1, 1e-3, 1.0, 300.0),
            ("LB", "sgd", 1.0, 3e-3, 0.9, 4.0), ("LB", "adam", 5e-3, 1e-9, 1.0, 5.0),
            ("SB", "adam", 5e-4, 1e-9, 1.0, 6.0)):
        run = other(paper_run(regime, 0), optimizer=optimizer, learning_rate=rate)
        record = write_run(paper_workdir, run, batch={"train_loss": loss, "train_accuracy": accuracy, "test_loss": 0.1,
                                                      "test_accuracy": 0.98})
        fixtures.write_measurement(record, Sharpness(seed=0), sharpness)
    _, lines = listing("optimizers", paper_workdir)
    assert [line.cells[1:4] for line in lines] == [
        ("SB", "adam", "0.0005"), ("SB", "adam", "0.001"), ("LB", "adam", "0.001"), ("LB", "adam", "0.005"),
        ("LB", "sgd", "0.01"), ("LB", "sgd", "0.1"), ("LB", "sgd", "1")]
    small, large = (next(line.cells[8] for line in lines if line.cells[1:4] == (regime, "adam", "0.001"))
                    for regime in ("SB", "LB"))
    told = experiments.get("optimizers").answer(Store(paper_workdir))
    first, second = re.split(
        r" At other learning rates with a training accuracy of at least [\d.]+ %, the least of these, it is ", told)
    assert [float(value) for value in re.findall(r"([\d.]+) \(one trial\)", first)] == pytest.approx(
        [large / small, 300 / small], rel=0.01)
    assert [float(value) for value in re.findall(r"([\d.]+) \(one trial\) with (?:adam at 0.005|sgd at 0.01)", second)
            ] == pytest.approx([5 / small, 2 / small], rel=0.05)
    assert "sgd at 1 " not in told


def test_records_without_gradients_have_no_cost(paper_workdir):
    write_run(paper_workdir, other(paper_run("LB", 0), remedy=remedies.SharpnessAware()), gradients=None)
    _, lines = listing("remedies", paper_workdir)
    assert [line.cells[-1] for line in lines] == [1.0, 1.0, None]


def test_distances(paper_workdir):
    _, lines = listing("distances", paper_workdir)
    assert lines[0].cells == ("F1 on mnist", "0", 48.0, 11.0, pytest.approx(48 / 11))
    assert len(lines) == 3 and lines[0].runs == (paper_run("SB", 0).name, paper_run("LB", 0).name)


def test_a_rise_that_is_not_finite_is_a_dash_on_the_page(paper_workdir):
    fixtures.write_steepness(paper_workdir.run(fixtures.paper_run("LB", 0)), random=[None, 7.5], blocks=[None, 3.0],
                             ranked=[[0.5, None], [1.0, 2.0]])
    assert make_report(paper_workdir) == []
    page = paper_workdir.page.read_text(encoding="utf-8")
    assert "towards 2 random corners is 7.5 %" in page and "– % along 50 % of them" in page
