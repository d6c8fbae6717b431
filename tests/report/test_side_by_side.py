"""Which measurements and trials a sentence or a figure sets side by side."""

import types

import pytest

from replication import experiments, files, records, remedies
from replication.configuration import Geometry, Reparametrization, Robustness, Sharpness, Spectrum, Start
from replication.experiments import combinations
from replication.report import headline, make_report, verify
from replication.store import Store
from tests.report import fixtures
from tests.report.fixtures import other, paper_run, write_run


@pytest.fixture
def workdir(tmp_path):
    return records.Workdir.create(tmp_path / "work")


def axes(name, workdir):
    return experiments.get(name).axes(Store(workdir))


def answer(name, workdir):
    return experiments.get(name).answer(Store(workdir))


def measured(workdir, run, value, **choices):
    """Writes a run and its sharpness."""
    record = workdir.run(run)
    if not record.is_finished:
        write_run(workdir, run)
    fixtures.write_measurement(record, Sharpness(seed=run.trial, **choices), value)
    return record


@pytest.mark.parametrize("choices, words", [
    ({"normalize": "layers"}, "normalize layers"), ({"batch_size": 1000}, "batch size 1000"),
    ({"iterations": 5}, "iterations 5")])
def test_a_measurement_in_another_way_does_not_replace_the_usual_one(workdir, choices, words):
    """The other one stands where there is no usual one, and its choices beside it."""
    for size in (256, 1024, 6000):
        measured(workdir, other(paper_run("SB", 0), regime="grid", batch_size=size), 7.0, **choices)
    (plot,) = axes("figure4", workdir)
    assert plot.panels[0].series[1].label == f"sharpness, ε = 1e-3, {words}"
    for size in (256, 1024):
        measured(workdir, other(paper_run("SB", 0), regime="grid", batch_size=size), float(size))
    (plot,) = axes("figure4", workdir)
    assert plot.panels[0].series[1].label == "sharpness, ε = 1e-3" and plot.panels[0].series[1].y == (256, 1024)


def test_a_box_of_no_table_makes_nothing_usual(paper_workdir):
    """Neither more starts at another epsilon, nor at one of the two, take the place of the preset's measurements."""
    def usual():
        return {entry.name: entry.ours for entry in verify(paper_workdir)[0]
                if (entry.table, entry.network) == (3, "F1") and entry.plain}

    before = usual()
    assert None not in before.values()
    for regime in ("SB", "LB"):
        for trial in range(3):
            measured(paper_workdir, paper_run(regime, trial), 1.0, starts=4, epsilon=1e-2)
            measured(paper_workdir, paper_run(regime, trial), 1.0, starts=4)
    assert usual() == before


def test_figures_of_runs_measured_in_a_box_of_no_table_are_not_drawn(workdir):
    for size in (256, 1024, 6000):
        measured(workdir, other(paper_run("SB", 0), regime="grid", batch_size=size), 7.0, epsilon=1e-2)
    small = workdir.run(other(paper_run("SB", 0), regime="grid", batch_size=256))
    for epoch in (1, 2, 4):
        measured(workdir, other(paper_run("LB", 0), regime="grid", start=Start(small.name, epoch)), 7.0, epsilon=1e-2)
    for regime in ("SB", "LB"):
        measured(workdir, paper_run(regime, 0), 7.0, epsilon=1e-2)
    assert make_report(workdir) == []
    assert axes("figure4", workdir) == axes("figure5", workdir) == [] and headline(Store(workdir)) == ""


def test_without_a_subspace_its_distribution_is_no_choice():
    assert Sharpness(subspace_distribution="uniform") == Sharpness()
    assert Sharpness(subspace_dim=2, subspace_distribution="uniform") != Sharpness(subspace_dim=2)


def test_the_first_lines_of_a_report_are_those_of_the_usual_measurements(paper_workdir):
    before = headline(Store(paper_workdir))
    for regime in ("SB", "LB"):
        for epsilon in (1e-3, 5e-4):
            measured(paper_workdir, paper_run(regime, 0), 1.0, iterations=5, epsilon=epsilon)
    assert headline(Store(paper_workdir)) == before


def test_a_sharpness_of_0_is_no_ratio(workdir):
    small, large = (write_run(workdir, paper_run(regime, 0)) for regime in ("SB", "LB"))
    choices = Reparametrization(examples=1000)
    fixtures.write_reparametrization(workdir, small, large, choices=choices)
    path = workdir.measurement(choices, small.configuration, large.configuration)
    content = files.read_json(path)
    assert "112" not in answer("reparametrization", workdir) != ""
    for point in content["points"]:
        if point["regime"] == "SB":
            point["sharpness"] = 0.0
    files.write_json(path, content)
    assert make_report(workdir) == [] and answer("reparametrization", workdir) == ""
    _, lines = experiments.get("reparametrization").listing(Store(workdir))
    assert lines and all(line.cells[-1] is None for line in lines)


def test_f_over_the_most_examples_is_shown(workdir):
    small, large = (write_run(workdir, paper_run(regime, 0)) for regime in ("SB", "LB"))
    for examples in (1000, None, 500):
        fixtures.write_reparametrization(workdir, small, large, choices=Reparametrization(examples=examples))
    _, lines = experiments.get("reparametrization").listing(Store(workdir))
    assert len({line.cells[:2] for line in lines}) == len(lines) > 0
    for examples, value in ((None, 5.0), (1000, 7.0), (500, 9.0)):
        for run, factor in ((small.configuration, 1), (large.configuration, 2)):
            measured(workdir, run, factor * value, epsilon=0.01, box="relative", examples=examples)
    _, (line,) = experiments.get("boxes").listing(Store(workdir))
    assert line.cells[3:5] == (7.0, 14.0)


def test_optimizers_and_losses_are_compared_over_the_same_trials(paper_workdir):
    """ADAM has three trials, and the others one: ADAM's own ratio in it is 323 / 2.55."""
    measured(paper_workdir, other(paper_run("LB", 0), optimizer="sgd", learning_rate=0.01), 255.0)
    assert "127 (one trial) with adam" in answer("optimizers", paper_workdir)
    assert "100 (one trial) with sgd" in answer("optimizers", paper_workdir)
    for regime, value in (("SB", 1.0), ("LB", 9.0)):
        measured(paper_workdir, other(paper_run(regime, 0), training_loss="mean_squared_error"), value)
    assert "127 (one trial) with cross-entropy; 9 (one trial) with mean squared error" in answer(
        "losses", paper_workdir)
    for name in ("optimizers", "losses"):
        headings, lines = experiments.get(name).listing(Store(paper_workdir))
        plain, = (dict(zip(headings, line.cells)) for line in lines
                  if line.cells[1] == "LB" and line.cells[2] in ("adam", "cross-entropy"))
        assert plain["trials"] == "1" and plain["sharpness, ε = 1e-3 (%)"] == pytest.approx(323, rel=0.01)


def test_a_trial_that_was_not_measured_is_left_out_alone(paper_workdir):
    """And does not take the optimizer or remedy out of the sentence."""
    for trial in range(2):
        write_run(paper_workdir, other(paper_run("LB", trial), optimizer="sgd", learning_rate=0.01))
        write_run(paper_workdir, other(paper_run("LB", trial), remedy=remedies.Conservative()))
    measured(paper_workdir, other(paper_run("LB", 1), optimizer="sgd", learning_rate=0.01), 280.5)
    measured(paper_workdir, other(paper_run("LB", 1), remedy=remedies.Conservative()), 710.6)
    assert "100 (one trial) with sgd" in answer("optimizers", paper_workdir)
    assert "× 2 (one trial)" in answer("remedies", paper_workdir)


def test_the_cost_of_a_remedy_is_relative_to_the_same_trials(paper_workdir):
    plain = paper_workdir.run(paper_run("LB", 1)).result["gradients"]
    record = paper_workdir.run(paper_run("LB", 2))
    files.write_json(record.folder / "result.json", {**record.result, "gradients": 10 * plain})
    measured(paper_workdir, other(paper_run("LB", 0), remedy=remedies.Conservative()), 5.0)
    _, lines = experiments.get("remedies").listing(Store(paper_workdir))
    assert [line.cells[-1] for line in lines if line.cells[2].startswith("conservative")] == [3.0]


def correlated(workdir, number):
    for index in range(number):
        run = other(paper_run("LB", 0), regime="grid", batch_size=1000 + 500 * index, stop="loss", target_loss=0.01)
        record = write_run(workdir, run, stop="the training loss reached 0.01", batch={
            "train_loss": 0.01, "train_accuracy": 0.999, "test_loss": 0.1, "test_accuracy": 0.99 - index / 1000})
        fixtures.write_other(record, run, Geometry())
        path = record.minimizer.measurement(Geometry())
        files.write_json(path, {**files.read_json(path), "distance": 10.0 + index % 5})
        yield record


def test_few_runs_have_no_interval_and_a_missing_spectrum_takes_no_measure_away(workdir):
    found = list(correlated(workdir, 12))
    for record in found[:4]:
        fixtures.write_other(record, record.configuration, Spectrum(
            eigenvalues=1, probes=1, steps=2, trace_products=18, examples=10_000))
    _, lines = experiments.get("correlation").listing(Store(workdir))
    cells = {line.cells[1]: line.cells for line in lines}
    assert cells["the distance from x₀"][2] == "12" and cells["the distance from x₀"][4] != ""
    assert cells["the trace"][2] == "4 of 12" and cells["the trace"][4] == ""
    assert "(too few for one, 4 runs) for the trace" in answer("correlation", workdir)


def test_two_runs_from_the_iterates_of_sb_itself_are_no_figure_5(paper_workdir):
    """As `escape` trains them."""
    small, large = paper_run("SB", 0), paper_run("LB", 0)
    for epoch in (2, 8):
        measured(paper_workdir, other(large, start=Start(small.name, epoch)), 5.0)
    assert axes("figure5", paper_workdir) == []


def test_warm_starts_from_two_runs_tell_them_apart(workdir):
    large = other(paper_run("LB", 0), regime="grid", epochs=100)
    for size in (256, 512):
        small = other(paper_run("SB", 0), regime="grid", batch_size=size, epochs=100)
        write_run(workdir, small)
        for epoch in (3, 9):
            measured(workdir, other(large, start=Start(small.name, epoch)), 5.0)
    assert [plot.title for plot in axes("figure5", workdir)] == [
        f"F1 on mnist, trial 0 (SB batch size {size})" for size in (256, 512)]


def test_spreads_of_sb_and_lb_are_of_the_same_machine(workdir):
    choices = [Sharpness(starts=1, examples=500, dtype=dtype) for dtype in ("float32", "float64")]
    for regime, machine in (("SB", "old"), ("LB", "new")):
        record = write_run(workdir, paper_run(regime, 0))
        for each in choices:
            fixtures.write_measurement(record, each, 100.0, machine={"processor": machine})
    listing = experiments.get("spreads").listing
    assert listing(Store(workdir))[1] == []
    for each in choices:
        fixtures.write_measurement(workdir.run(paper_run("SB", 0)), each, 50.0, machine={"processor": "new"})
    assert [(line.cells[2], line.cells[-1]) for line in listing(Store(workdir))[1]] == [("the precision", "2")]


def test_matched_losses_are_passed_between_consecutive_iterates(paper_workdir):
    """SB's loss falls below 0.01 after epoch 1 and rises again; its later iterates are not those on the way there."""
    iterates = {"SB": [(1, 0.04, 90.0), (2, 0.0025, 40.0), (4, 0.02, 10.0)],
                "LB": [(1, 0.04, 100.0), (2, 0.0025, 400.0)]}
    for regime, found in iterates.items():
        record = paper_workdir.run(paper_run(regime, 0))
        for epoch, loss, sharpness in found:
            iterate = fixtures.write_iterate(record, epoch)
            fixtures.write_measurement(iterate, Sharpness(), sharpness, loss=loss, weights_checksum=iterate.checksum)
    _, lines = experiments.get("matched").listing(Store(paper_workdir))
    line, = (line.cells for line in lines if line.cells[1] == "f = 0.01")
    assert line[2:4] == ("1 to 2", "1 to 2")
    assert line[4:] == pytest.approx((60.0, 200.0, 200 / 60))
    assert "at equal training loss LB is " in answer("matched", paper_workdir)


def test_a_loss_that_the_first_iterate_is_below_is_not_compared(paper_workdir):
    for regime, losses in (("SB", (0.002, 0.05, 0.0005)), ("LB", (0.05, 0.02, 0.002))):
        record = paper_workdir.run(paper_run(regime, 0))
        for epoch, loss in zip((1, 2, 4), losses):
            iterate = fixtures.write_iterate(record, epoch)
            fixtures.write_measurement(iterate, Sharpness(), 5.0, loss=loss, weights_checksum=iterate.checksum)
    _, lines = experiments.get("matched").listing(Store(paper_workdir))
    assert not [line for line in lines if line.cells[1].startswith("f = ")]


def test_robustness_ranks_the_minimizers_by_each_set_and_attack(workdir):
    """Four runs; the ball ranks them the other way round, and one attack ranks two of them alike."""
    choices = Robustness()
    for number, size in enumerate((256, 512, 1024, 2048)):
        record = write_run(workdir, other(paper_run("SB", 0), regime="grid", batch_size=size))
        fixtures.write_other(record, record.configuration, choices)
        path = record.minimizer.measurement(choices)
        content = files.read_json(path)
        content["rises"] |= {"box": number + 1.0, "ball": 9.0 - number, "inputs": [1.0, 3.0, 2.0, 4.0][number]}
        content |= {"clean": 0.9, "steps": [0.8 - 0.1 * (number > 1)] * 4}
        files.write_json(path, content)
    headings, lines = experiments.get("robustness_ranks").listing(Store(workdir))
    *cells, last = [dict(zip(headings, line.cells)) for line in lines]
    cells = sorted(cells, key=lambda each: each["Metric 2.1’s box"])
    assert [each["Metric 2.1’s box"] for each in cells] == ["1", "2", "3", "4"]
    assert [each["SAM’s ball"] for each in cells] == ["4", "3", "2", "1"]
    assert [each["steps of 0.02"] for each in cells] == ["1.5", "1.5", "3.5", "3.5"]
    assert last["SAM’s ball"].startswith("−1.00 (p = 0.083") and last["test accuracy"] == ""
    assert "−1.00 (p = 0.083) with the rise in SAM’s ball" in answer("robustness", workdir)
    assert last["Metric 2.1’s box"] == ""
    assert "+0.67 (p = 0.33) with the rise in the inputs’ box" in answer("robustness", workdir)
    # The more accurate under attack are the less sharp.
    assert last["steps of 0.02"].startswith("+0.82")
    assert "; +0.82 with the accuracies under 4 attacks (p of at least 0.1" in answer("robustness", workdir)


def test_an_effect_is_over_the_trials_that_have_all_combinations(monkeypatch):
    """Trial 1 has noise alone, whose effect there is not that of the mean over both statistics."""
    monkeypatch.setattr(combinations, "protocol_of", lambda groups: None)
    monkeypatch.setattr(combinations, "sharpness_of", lambda each, protocol: each.sharpness)

    def trained(*sharpness):
        return {trial: types.SimpleNamespace(sharpness=value, metrics={"train_accuracy": 1.0, "test_accuracy": 0.98})
                for trial, value in enumerate(sharpness)}

    step, noise, statistics = combinations.OWN
    cells = [combinations.Cell(levels, runs) for levels, runs in (
        ((step, noise, statistics), trained(100, 100)), ((step, "SB’s", statistics), trained(50, 1)),
        ((step, noise, "SB’s"), trained(80)), ((step, "SB’s", "SB’s"), trained(20)))]
    mean, = combinations.effects_of(cells)["gradient noise", "SB’s"].ratios
    assert mean == pytest.approx(((50 / 100 * 20 / 80) ** 0.5, 1))
    # Trial 2 has another one alone: as many as trial 1, and neither is compared with the other.
    other = {2: trained(80)[0]}, {2: trained(20)[0]}
    few = [*cells[:2], *(combinations.Cell(cell.levels, runs) for cell, runs in zip(cells[2:], other))]
    assert ("gradient noise", "SB’s") not in combinations.effects_of(few)
    alone = combinations.effects_of(cells, alone=True)["gradient noise", "SB’s"]
    assert alone.ratios == [pytest.approx((0.5, 1)), pytest.approx((0.01, 1))]


def test_the_papers_own_tables_contradict_it_in_a_part_of_the_pairs(workdir):
    """Counted by hand: 23 of the 30 pairs within a network go with the claim."""
    assert "in 23 of 30 pairs (Kendall’s τ −0.53)" in answer("paper_correlation", workdir)
