import dataclasses

import pytest

from replication import catalog, experiments, files, records, remedies
from replication.configuration import Distribution, Run, Sharpness, Start, presets
from replication.report import decisions, headline, make_report, verify
from replication.store import Store, grouping
from tests.report import fixtures
from tests.report.fixtures import free_run, other, paper_run, write_run


def rows(workdir, number=2):
    return {row.label: row.values for row in experiments.tables()[number].rows(Store(workdir))}


def trials(workdir):
    """By label, the numbers of SB and LB trials in table 2."""
    return {label: (len(values["test_SB"]), len(values["test_LB"])) for label, values in rows(workdir).items()}


@pytest.fixture
def workdir(tmp_path):
    return records.Workdir.create(tmp_path / "work")


@pytest.fixture
def free_workdir(tmp_path):
    """Three trials on data of no preset, everything measured."""
    return fixtures.write_replication(tmp_path / "free", make_run=free_run)


def test_trials_of_one_configuration_form_a_row(paper_workdir):
    (row,) = experiments.get("table2").rows(Store(paper_workdir))
    assert (row.network, row.dataset, row.label) == ("F1", "mnist", "")
    assert row.values["test_SB"] == pytest.approx({0: 98.01, 1: 98.04, 2: 98.07})


def test_architectures_are_rows_of_their_own(workdir):
    for architecture in ("released", "text"):
        for regime in ("SB", "LB"):
            write_run(workdir, other(paper_run(regime, 0, network="C1"), architecture=architecture))
    assert trials(workdir) == {"architecture released": (1, 1), "architecture text": (1, 1)}


def test_xla_makes_rows_of_their_own(paper_workdir):
    for regime in ("SB", "LB"):
        write_run(paper_workdir, paper_run(regime, 0).with_jit_compile(True))
    assert trials(paper_workdir) == {"jit compile off": (3, 3), "jit compile on": (1, 1)}


def test_recomputed_activations_make_no_row_of_their_own(workdir):
    """LB needs them on a small GPU, SB does not."""
    for regime in ("SB", "LB"):
        write_run(workdir, other(paper_run(regime, 0, network="C2"), recompute=regime == "LB"))
    assert trials(workdir) == {"": (1, 1)}
    write_run(workdir, other(paper_run("SB", 0, network="C2"), recompute=True))
    assert trials(workdir) == {"SB recompute off": (1, 1), "SB recompute on": (1, 1)}


def test_several_devices_enter_no_table_and_are_named_on_the_page(workdir):
    for distribution in (None, Distribution(2), Distribution(2, synchronized=False)):
        for regime in ("SB", "LB"):
            write_run(workdir, other(paper_run(regime, 0), distribution=distribution))
    assert trials(workdir) == {"": (1, 1)}
    assert make_report(workdir) == []
    assert "2 devices, each with batch statistics of its own" in workdir.page.read_text()


def test_another_batch_size_is_a_row_of_its_own(free_workdir):
    write_run(free_workdir, free_run("SB", 0, batch_size=128))
    assert trials(free_workdir) == {"SB batch size 128": (1, 3), "SB batch size 256": (3, 3)}


def test_only_matching_configurations_are_compared(free_workdir):
    write_run(free_workdir, free_run("SB", 0, epochs=1))
    write_run(free_workdir, free_run("LB", 0, epochs=1))
    write_run(free_workdir, free_run("SB", 0, statistics="moving"))
    assert trials(free_workdir) == {
        "statistics batch, epochs by the stopping rule": (3, 3),
        "statistics batch, epochs 1": (1, 1),
        "statistics moving, epochs by the stopping rule": (1, 0)}


def test_the_only_two_configurations_are_not_compared_if_more_than_the_batch_differs(workdir):
    write_run(workdir, free_run("SB", 0, epochs=60))
    write_run(workdir, free_run("LB", 0, epochs=150))
    assert trials(workdir) == {"epochs 60": (1, 0), "epochs 150": (0, 1)}


class All(grouping.Selection):
    """A selection that admits every run."""

    def admits(self, finished_run):
        return True


def test_two_different_networks_are_never_one_comparison(workdir):
    write_run(workdir, other(paper_run("SB", 0, network="C1"), dropout=0.0))
    write_run(workdir, other(paper_run("LB", 0, network="C1"), architecture="text", learning_rate=0.1))
    assert trials(workdir) == {}
    found = grouping.comparisons(Store(workdir).runs, All())
    assert [(len(each.small), len(each.large)) for each in found] == [(1, 0), (0, 1)]
    assert [each.where for each in found] == [
        "C1 on cifar10 (learning rate 0.001, architecture released, dropout 0.0)",
        "C1 on cifar10 (learning rate 0.1, architecture text, dropout none)"]


def test_runs_on_different_data_are_neither_averaged_nor_compared(workdir):
    write_run(workdir, paper_run("SB", 0))
    write_run(workdir, paper_run("SB", 1), fingerprint="beef")
    write_run(workdir, paper_run("LB", 0))
    assert trials(workdir) == {"data f00d": (1, 1), "data beef": (1, 0)}


def test_the_record_tells_the_size_that_the_catalog_leaves_open(workdir):
    """The large batch of F2 is a tenth of the training set, whose size only the prepared data tell."""
    dataset = dataclasses.replace(catalog.DATASETS["timit"], training_size=34_950, classes=1973)
    plain = presets.PRESETS["paper"].run("F2", "LB", 0, jit_compile=False, describe=lambda name: dataset)
    for run in (plain, other(plain, trial=1, batch_size=3496)):
        write_run(workdir, run)
    assert plain.batch_size == 3495
    assert {each.run.batch_size: grouping.MAIN.admits(each) for each in Store(workdir).runs} == {
        3495: True, 3496: False}


def test_of_data_that_no_preset_has_only_plain_training_enters_the_tables(free_workdir):
    for choices in ({"optimizer": "sgd", "learning_rate": 0.01}, {"learning_rate": 0.01}, {"deterministic": True},
                    {"precision": "mixed_bfloat16"}, {"distribution": Distribution(2)},
                    {"remedy": remedies.SharpnessAware()}):
        write_run(free_workdir, free_run("LB", 0, **choices))
    assert trials(free_workdir) == {"": (3, 3)}


def test_measurements_made_differently_are_rows_of_their_own(paper_workdir):
    record = paper_workdir.run(paper_run("LB", 0))
    fixtures.write_measurement(record, Sharpness(iterations=20), 999.0)
    found = rows(paper_workdir, 3)
    assert found["iterations 20"]["eps1e-3_LB"] == {0: 999.0}
    assert found[""]["eps1e-3_LB"] == pytest.approx({0: 323.0, 1: 355.3, 2: 387.6})
    fixtures.write_measurement(record, Sharpness(starts=3), 1000.0)
    assert deciding(paper_workdir, 3) == {"": True, "iterations 10, starts 3": False, "iterations 20, starts 1": False}


def deciding(workdir, number):
    """Whether each row of a table may decide, by its label."""
    return {row.label: row.plain for row in experiments.tables()[number].rows(Store(workdir))}


def test_more_starts_decide_where_most_runs_have_them_and_fewer_never_do(workdir):
    for starts, regime in ((1, "SB"), (1, "LB"), (8, "SB"), (8, "LB"), (4, "LB")):
        fixtures.write_measurement(write_run(workdir, paper_run(regime, 0)), Sharpness(subspace_dim=100, starts=starts),
                                   float(starts))
    assert deciding(workdir, 4) == {"": True, "starts 1": False, "starts 4": False}
    assert rows(workdir, 4)[""]["eps1e-3_LB"] == {0: 8.0}


def test_without_a_usual_measurement_there_is_a_row_that_lacks_it(workdir):
    for regime in ("SB", "LB"):
        record = write_run(workdir, paper_run(regime, 0))
        fixtures.write_measurement(record, Sharpness(batch_size="all"), 5.0)
        fixtures.write_measurement(record, Sharpness(subspace_dim=100, starts=1), 5.0)
    assert deciding(workdir, 3) == {"": True, "batch size all": False}
    assert deciding(workdir, 4) == {"": True, "starts 1": False}
    assert set(map(len, rows(workdir, 3)[""].values())) == {0}
    open_endpoints = [check for check in checks_of(workdir) if check.kind == "endpoint" and check.entry.table > 2]
    assert [check.outcome for check in open_endpoints] == [decisions.OPEN] * 3


def checks_of(workdir):
    """The gates and endpoints of a workdir."""
    return decisions.checks(verify(workdir)[0])


def test_a_single_batch_is_a_row_beside_batches_of_5000(paper_workdir):
    fixtures.write_measurement(paper_workdir.run(paper_run("LB", 0)), Sharpness(batch_size="all"), 999.0)
    assert rows(paper_workdir, 3)["batch size all"]["eps1e-3_LB"] == {0: 999.0}
    assert experiments.get("figure2").axes(Store(paper_workdir)) and headline(Store(paper_workdir))


def test_a_measurement_with_another_seed_than_the_trial_is_no_trial(paper_workdir):
    fixtures.write_measurement(paper_workdir.run(paper_run("LB", 0)), Sharpness(seed=7), 999.0)
    assert 999.0 not in rows(paper_workdir, 3)[""]["eps1e-3_LB"].values()


def test_the_subspace_has_a_table_of_its_own(paper_workdir):
    values = rows(paper_workdir, 4)[""]
    assert values["eps5e-4_SB"] == pytest.approx({0: 0.07, 1: 0.077, 2: 0.084})


def test_the_figure_shows_the_lowest_trial(paper_workdir):
    small, large = (paper_workdir.run(paper_run(regime, 1)) for regime in ("SB", "LB"))
    fixtures.write_path(paper_workdir, small, large)
    (plot,) = experiments.get("figure3").axes(Store(paper_workdir))
    assert (plot.name, plot.title) == ("figure3-F1", "F1 on mnist, trial 0")


def test_paths_of_different_configurations_are_different_plots(free_workdir):
    small = write_run(free_workdir, free_run("SB", 0, batch_size=128))
    fixtures.write_path(free_workdir, small, free_workdir.run(free_run("LB", 0)))
    plots = experiments.get("figure3").axes(Store(free_workdir))
    assert [plot.name for plot in plots] == ["figure3-F1-1", "figure3-F1-2"]
    assert {plot.title for plot in plots} == {
        "F1 on digits, trial 0 (SB batch size 128)",
        "F1 on digits, trial 0 (SB batch size 256)"}


def test_a_path_between_configurations_that_are_not_compared_is_not_drawn(free_workdir):
    small = write_run(free_workdir, free_run("SB", 0, epochs=3))
    fixtures.write_path(free_workdir, small, free_workdir.run(free_run("LB", 0)))
    store = Store(free_workdir)
    (plot,) = experiments.get("figure3").axes(store)
    assert len(store.paths) == 2 and small.name not in plot.runs


def grid(workdir, **choices):
    """Two batch sizes of figure 4 that have some choices in common."""
    for size in (1024, 2048):
        run = other(paper_run("SB", 0), regime="grid", batch_size=size, **choices)
        fixtures.write_measurement(write_run(workdir, run), Sharpness(), float(size))


PARTICULAR = {
    "optimizer": {"optimizer": "sgd", "learning_rate": 0.01}, "learning rate": {"learning_rate": 0.01},
    "statistics": {"statistics": "moving"}, "precision": {"precision": "mixed_bfloat16"},
    "remedy": {"remedy": remedies.SharpnessAware()}, "distribution": {"distribution": Distribution(2)},
    "deterministic": {"deterministic": True}}


@pytest.mark.parametrize("choices", PARTICULAR.values(), ids=PARTICULAR)
def test_figure_4_has_plain_runs_alone(paper_workdir, choices):
    grid(paper_workdir, **choices)
    assert experiments.get("figure4").axes(Store(paper_workdir)) == []


def test_figure_4_tells_groups_apart(paper_workdir):
    for max_epochs in (100, 50):
        grid(paper_workdir, max_epochs=max_epochs)
    plots = experiments.get("figure4").axes(Store(paper_workdir))
    assert [(plot.title, plot.panels[0].series[0].x) for plot in plots] == [
        (f"F1 on mnist, trial 0 (max epochs {bound})", (1024, 2048)) for bound in (100, 50)]


@pytest.mark.parametrize("particular", ["source", "member"])
@pytest.mark.parametrize("choices", PARTICULAR.values(), ids=PARTICULAR)
def test_figure_5_has_plain_runs_alone(paper_workdir, choices, particular):
    plain = Run("F1", "grid", 0, "mnist", 256, epochs=100)
    source = other(plain, **choices) if particular == "source" else plain
    member = other(plain, batch_size=6000, start=Start(source.name, 3), **(choices if particular == "member" else {}))
    write_run(paper_workdir, source)
    fixtures.write_measurement(write_run(paper_workdir, member), Sharpness(), 5.0)
    assert experiments.get("figure5").axes(Store(paper_workdir)) == []


def test_trials_are_paired(paper_workdir):
    write_run(paper_workdir, paper_run("SB", 7))
    (comparison,) = grouping.comparisons(Store(paper_workdir).runs)
    assert [(small.run.trial, large.run.trial) for small, large in comparison.pairs()] == [(0, 0), (1, 1), (2, 2)]
    assert len(comparison.small) == 4


def test_labels_name_what_differs():
    labels = grouping.distinguish([{"a": 1, "b_c": 2}, {"a": 1, "b_c": 3}, {}])
    assert labels == ["b c 2", "b c 3", ""]


def test_a_larger_box_has_at_least_what_was_found_in_a_smaller_one(paper_workdir):
    record = paper_workdir.run(paper_run("LB", 0))
    fixtures.write_measurement(record, Sharpness(epsilon=5e-4), 400.0)
    finished = next(each for each in Store(paper_workdir).runs if each.name == record.name)
    found = {each.choices.epsilon: each.content for each in finished.measurements["sharpness"]
             if not each.choices.subspace_dim}
    assert (found[1e-3]["sharpness"], found[1e-3]["from_epsilon"]) == (400.0, 5e-4)
    assert "from_epsilon" not in found[5e-4]
    assert files.read_json(record.measurement(Sharpness()))["sharpness"] == 323.0
    make_report(paper_workdir)
    assert "found in the box of 0.0005" in paper_workdir.page.read_text()
