"""What each table, figure and listing makes of the records."""

import pytest

from replication import remedies
from replication.configuration import Sharpness, Start
from replication.experiments import (
    distances,
    figure4,
    figure5,
    figure6,
    optimizers,
    performance,
    steepness,
    table6,
    table7,
)
from replication.experiments import remedies as remedies_listing
from replication.report.store import Store
from tests.report import fixtures
from tests.report.fixtures import other, paper_run, write_run


def test_remedied_lb_is_compared_with_plain_sb_in_table_7_alone(paper_workdir):
    record = write_run(paper_workdir, other(paper_run("LB", 0), remedy=remedies.Conservative()))
    fixtures.write_measurement(record, Sharpness(), 222.0)
    (row,) = table7.rows(Store(paper_workdir))
    assert (row.label, len(row.values["test_baseline_SB"]), len(row.values["test_conservative_LB"])) == ("", 3, 1)
    assert row.values["conservative_LB_eps1e-3"] == (222.0,) and row.values["conservative_LB_eps5e-4"] == ()
    assert row.runs["LB"] == (record.name,)
    assert table6.rows(Store(paper_workdir)) == []


def test_options_of_a_remedy_are_rows_of_their_own(paper_workdir):
    for iterations in (3, 5):
        write_run(paper_workdir, other(paper_run("LB", 0), remedy=remedies.Conservative(iterations=iterations)))
    assert {row.label for row in table7.rows(Store(paper_workdir))} == {
        "LB remedy conservative", "LB remedy conservative, iterations 5"}


def grid(workdir, sizes, *, trial=0, **changes):
    for size in sizes:
        run = other(paper_run("SB", trial), regime="grid", batch_size=size, **changes)
        fixtures.write_measurement(write_run(workdir, run), Sharpness(seed=trial), float(size))


def test_figure_4_takes_sb_and_lb_in_where_they_differ_in_the_batch_size_alone(paper_workdir):
    grid(paper_workdir, (1024, 2048))
    grid(paper_workdir, (512,), trial=2)
    (plot,) = figure4.axes(Store(paper_workdir))
    (panel,) = plot.panels
    assert panel.series[0].x == (256, 1024, 2048, 6000) and panel.marks == ((256, "SB"), (6000, "LB"))
    assert panel.series[1].y == pytest.approx((2.55, 1024, 2048, 323.0))
    assert plot.title == "F1 on mnist, trial 0"


def test_figure_4_keeps_other_epochs_apart_and_needs_three_batch_sizes(paper_workdir):
    grid(paper_workdir, (256, 6000), epochs=100)
    assert figure4.axes(Store(paper_workdir)) == []
    grid(paper_workdir, (1024,), epochs=100)
    (plot,) = figure4.axes(Store(paper_workdir))
    assert plot.panels[0].series[0].x == (256, 1024, 6000) and plot.panels[0].marks == ()


def test_figure_5_orders_the_starts_and_names_its_references(paper_workdir):
    small, large = (other(paper_run(regime, 0), regime="grid", epochs=100) for regime in ("SB", "LB"))
    for run in (small, large, *(other(large, start=Start(small.name, epoch)) for epoch in (9, 3))):
        fixtures.write_measurement(write_run(paper_workdir, run), Sharpness(), 5.0 if run.start else 30.0)
    (plot,) = figure5.axes(Store(paper_workdir))
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
    fixtures.write_iterate(paper_workdir.run(paper_run("SB", 0)), 1)
    (plot,) = figure6.axes(Store(paper_workdir))
    assert plot.title == "F1 on mnist, trial 1"
    assert [(series.role, series.x, series.y) for series in plot.panels[0].series] == [
        (regime, (1.0, 0.25), (10.0, 40.0)) for regime in ("SB", "LB")]


def test_the_performance_model_meets_our_iterations(paper_workdir):
    (plot,) = performance.axes(Store(paper_workdir))
    bound, ours = plot.panels[0].series
    assert bound.x[-1] == 1.0 and bound.y[-1] == pytest.approx(256 / 6000)
    assert ours.y[0] == pytest.approx(10 / 235)  # 60,000 examples in batches of 6,000 and of 256, equal epochs


def test_steepness_is_a_distribution_over_corners_and_the_share_of_the_steepest_coordinates(paper_workdir):
    record = paper_workdir.run(paper_run("LB", 0))
    fixtures.write_steepness(record, random=[0.3, -0.1, 0.2, 0.1], ranked_gradient_shares=[0.5, 0.3, 0.2, 0.0])
    (plot,) = steepness.axes(Store(paper_workdir))
    (corners,), (coordinates,) = (panel.series for panel in plot.panels)
    assert corners.x == (-0.1, 0.1, 0.2, 0.3) and corners.y == (25, 50, 75, 100)
    assert not plot.panels[0].log_x
    assert coordinates.x == (0, 25, 50, 75, 100) and coordinates.y == pytest.approx((0, 50, 80, 100, 100))


def test_listings_set_variants_beside_plain_runs(paper_workdir):
    size = 12 * 60_000
    sam = write_run(paper_workdir, other(paper_run("LB", 0), remedy=remedies.SharpnessAware()), gradients=2 * size)
    write_run(paper_workdir, other(paper_run("LB", 0), optimizer="sgd", learning_rate=0.01))
    write_run(paper_workdir, other(paper_run("LB", 0), optimizer="sgd", learning_rate=0.01, epochs=3))
    headings, lines = remedies_listing.listing(Store(paper_workdir))
    assert [line.cells[1:4] for line in lines] == [("SB", "none", "3"), ("LB", "none", "3"), ("LB", "sam", "1")]
    assert all(len(line.cells) == len(headings) for line in lines)
    assert lines[2].cells[4] == pytest.approx(97.79) and lines[2].cells[5:] == (None, None, None, None, 2.0)
    assert lines[2].runs == (sam.name,) and len(lines[0].runs) == 3
    _, lines = optimizers.listing(Store(paper_workdir))
    assert [line.cells[2] for line in lines] == ["adam", "adam", "sgd"]


def test_records_without_gradients_have_no_cost(paper_workdir):
    write_run(paper_workdir, other(paper_run("LB", 0), remedy=remedies.SharpnessAware()), gradients=None)
    _, lines = remedies_listing.listing(Store(paper_workdir))
    assert [line.cells[-1] for line in lines] == [1.0, 1.0, None]


def test_distances(paper_workdir):
    _, lines = distances.listing(Store(paper_workdir))
    assert lines[0].cells == ("F1 on mnist", "0", 48.0, 11.0, pytest.approx(48 / 11))
    assert len(lines) == 3 and lines[0].runs == (paper_run("SB", 0).name, paper_run("LB", 0).name)
