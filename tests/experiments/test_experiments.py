import dataclasses

import pytest

from replication import catalog, experiments, remedies
from replication.configuration import presets
from replication.errors import UserError

QUICK_WITH_F1 = dataclasses.replace(presets.PRESETS["quick"], study_networks=("F1",), table7_networks=("F1",))


@pytest.fixture
def setup():
    return experiments.Setup(preset=QUICK_WITH_F1, networks=("F1",), trials=2,
                             jit_compile=lambda network: network == "F1")


def paper_setup(*networks, **choices):
    return experiments.Setup(preset=presets.PRESETS["paper"], networks=networks, trials=5, **choices,
                             jit_compile=lambda network: False, describe=lambda name: dataclasses.replace(
                                 catalog.DATASETS[name], training_size=catalog.DATASETS[name].training_size or 721_329,
                                 classes=catalog.DATASETS[name].classes or 1973))


def test_experiments_are_found_by_file_name():
    tables, listings = {2, 3, 4, 6, 7}, {"distances", "optimizers", "remedies", "searches"}
    figures = {*(f"figure{number}" for number in range(2, 8)), "performance", "steepness", "tradeoff"}
    assert tables <= set(experiments.tables())
    assert figures <= set(experiments.figures()) and listings <= set(experiments.listings())
    assert figures | listings | {f"table{number}" for number in tables} <= set(experiments.names())
    assert experiments.names() == sorted(experiments.names())


def test_unknown_experiment_lists_the_known_ones():
    with pytest.raises(UserError, match="table9.*distances.*table7"):
        experiments.get("table9")


@pytest.mark.parametrize("name", experiments.names())
def test_each_tells_what_it_is(name):
    module = experiments.get(name)
    assert module.TITLE and module.CAPTION.endswith(".")
    beginning = f"The {name}" if hasattr(module, "PLACE") else f"{name[:-1].capitalize()} {name[-1]}"
    assert module.__doc__.startswith(beginning)
    assert [hasattr(module, kind) for kind in ("rows", "axes", "listing")].count(True) == 1


@pytest.mark.parametrize("name", experiments.names())
@pytest.mark.parametrize("preset", presets.PRESETS)
def test_whatever_is_measured_is_trained_and_a_start_comes_first(name, preset):
    setup = paper_setup(*catalog.NETWORKS, warm_start_every=25)
    if preset == "quick":
        setup = dataclasses.replace(setup, preset=presets.PRESETS["quick"], networks=("F1", "C1"), trials=2,
                                    study_networks=None)
    needs = experiments.get(name).needs(setup)
    # A search is made by a script of its own.
    assert bool(needs.runs) != hasattr(experiments.get(name), "COMMAND")
    assert len(set(needs.runs)) == len(experiments.merge([needs]).runs)
    used = [thing[0] for things in (needs.measurements, needs.iterates, needs.iterate_measurements, needs.steepness)
            for thing in things] + [run for small, large, _ in needs.paths for run in (small, large)]
    assert set(used) <= set(needs.runs)
    names = [run.name for run in needs.runs]
    kept = {(run.name, epoch) for run, every in needs.iterates if every for epoch in range(every, 101, every)}
    for index, run in enumerate(needs.runs):
        if run.start:
            assert run.start.run in names[:index] and (run.start.run, run.start.epoch) in kept


def test_runs_are_resolved(setup):
    runs = experiments.get("table2").needs(setup).runs
    assert [(run.regime, run.trial, run.batch_size) for run in runs] == [
        ("SB", 0, 8), ("LB", 0, 144), ("SB", 1, 8), ("LB", 1, 144)]
    assert all(run.jit_compile and run.dataset == "digits" for run in runs)


def test_architecture_is_that_of_the_setup(setup):
    for architecture, expected in ((None, "released"), ("text", "text")):
        convolutional = dataclasses.replace(setup, networks=("C1", "C2"), architecture=architecture)
        assert {run.architecture for run in convolutional.runs()} == {expected}


@pytest.mark.parametrize("name, dimension", [("table3", 0), ("table4", 100)])
def test_a_trial_shares_its_subspace(setup, name, dimension):
    needs = experiments.get(name).needs(setup)
    assert len(needs.measurements) == 8
    assert {(choices.subspace_dim, choices.epsilon) for _, choices in needs.measurements} == {
        (dimension, 1e-3), (dimension, 5e-4)}
    assert all(choices.seed == run.trial and run in needs.runs for run, choices in needs.measurements)


def test_figure_3_joins_the_minimizers_of_trial_0(setup):
    needs = experiments.get("figure3").needs(setup)
    ((small, large, path),) = needs.paths
    assert (small.regime, large.regime, small.trial, large.trial) == ("SB", "LB", 0, 0)
    assert needs.runs == (small, large) and (path.kind, path.points) == ("linear", 25)


def test_figure_7_is_figure_3_on_the_curve(setup):
    straight, curved = (experiments.get(name).needs(setup) for name in ("figure3", "figure7"))
    assert straight.runs == curved.runs and [path.kind for _, _, path in curved.paths] == ["curved"]


def test_merging_keeps_each_thing_once(setup):
    needs = experiments.merge(experiments.get(name).needs(setup)
                              for name in ("table2", "table3", "table4", "figure2", "figure3", "distances"))
    assert (len(needs.runs), len(needs.measurements), len(needs.paths)) == (4, 16, 1)


def test_the_papers_studies_are_of_f2_and_c1():
    setup = paper_setup(*catalog.NETWORKS)
    for name in ("figure4", "figure5", "figure6", "steepness", "optimizers", "remedies"):
        assert {run.network for run in experiments.get(name).needs(setup).runs} == {"F2", "C1"}, name
    assert experiments.get("figure4").needs(paper_setup("F1")).runs == ()
    asked = paper_setup("F1", study_networks=("F1",))
    assert {run.network for run in experiments.get("figure4").needs(asked).runs} == {"F1"}


def test_figure_4_of_the_paper_is_a_logarithmic_grid_of_100_epochs():
    runs = experiments.get("figure4").needs(paper_setup("C1")).runs
    assert [run.batch_size for run in runs] == [64, 128, 256, 512, 1024, 2048, 4096, 5000]
    assert {(run.regime, run.epochs, run.trial) for run in runs} == {("grid", 100, 0)}


def test_figure_4_shares_the_runs_of_table_2_where_they_are_the_same(setup):
    grid, main = (experiments.get(name).needs(setup).runs for name in ("figure4", "table2"))
    assert [(run.batch_size, run in main) for run in grid] == [(8, True), (24, False), (144, True)]


def test_batch_sizes_asked_for_replace_the_grid_even_above_lb(setup):
    setup = dataclasses.replace(setup, batch_sizes=(700, 0.1, 16))
    assert [run.batch_size for run in experiments.get("figure4").needs(setup).runs] == [16, 144, 700]


def test_figure_5_starts_lb_from_each_kept_iterate():
    needs = experiments.get("figure5").needs(paper_setup("C1", warm_start_every=40))
    small, large, *started = needs.runs
    assert (small.batch_size, large.batch_size, large.start) == (256, 5000, None)
    assert [(run.start.run, run.start.epoch) for run in started] == [(small.name, 40), (small.name, 80)]
    assert {dataclasses.replace(run, start=None) for run in started} == {large}
    assert {run for run, _ in needs.measurements} == {large, *started}
    assert needs.iterates == ((small, 40),) and small.epochs == large.epochs == 100
    assert len(experiments.get("figure5").needs(paper_setup("C1")).runs) == 102


@pytest.mark.parametrize("name, kind", [("figure6", "iterate_measurements"), ("steepness", "steepness")])
def test_sb_and_lb_are_both_measured(setup, name, kind):
    needs = experiments.get(name).needs(setup)
    both = {setup.run("F1", regime, 0) for regime in ("SB", "LB")}
    assert {run for run, *_ in getattr(needs, kind)} == set(needs.runs) == both


def test_each_optimizer_has_its_own_learning_rate(setup):
    runs = experiments.get("optimizers").needs(setup).runs
    assert {run.optimizer: run.learning_rate for run in runs if run.regime == "LB"} == {
        "adam": 1e-3, "sgd": 1e-2, "momentum": 1e-2, "adagrad": 1e-3}
    assert {run.optimizer for run in runs if run.regime == "SB"} == {"adam"}


def test_figures_4_and_5_share_their_runs():
    grid, warm = (experiments.get(name).needs(paper_setup("C1")).runs for name in ("figure4", "figure5"))
    assert set(warm[:2]) <= set(grid)


def test_table_6_augments_the_convolutional_networks():
    needs = experiments.get("table6").needs(paper_setup(*catalog.NETWORKS))
    assert {run.network for run in needs.runs} == {"C1", "C2", "C3", "C4"} and len(needs.runs) == 40
    assert {run.remedy for run in needs.runs} == {remedies.Augmentation()}
    assert {run.regime for run, _ in needs.measurements} == {"LB"}


def test_augmentation_is_never_compiled():
    setup = dataclasses.replace(paper_setup("C1"), jit_compile=lambda network: True)
    assert not any(run.jit_compile for run in experiments.get("table6").needs(setup).runs)


def test_table_7_sets_plain_sb_beside_conservative_lb(setup):
    small, large = experiments.get("table7").needs(setup).runs
    assert small == setup.run("F1", "SB", 0) and large.remedy == remedies.Conservative()
    assert dataclasses.replace(large, remedy=None) == setup.run("F1", "LB", 0)


def test_remedies_are_all_that_the_network_admits(setup):
    needs = experiments.get("remedies").needs(setup)
    listed = [run.remedy.NAME for run in needs.runs if run.remedy]
    assert set(listed) == set(remedies.REMEDIES) - {"augmentation"} and listed.count("sam") == 2
    convolutional = experiments.get("remedies").needs(paper_setup("C1"))
    assert remedies.Augmentation() in {run.remedy for run in convolutional.runs}


def test_remedies_and_optimizers_are_measured_at_the_epsilons_that_the_preset_has_for_them(setup):
    def measured(name, setup):
        measurements = experiments.get(name).needs(setup).measurements
        return {(choices.subspace_dim, choices.epsilon) for _, choices in measurements}

    assert measured("remedies", setup) == {(0, 1e-3), (100, 1e-3)} and measured("optimizers", setup) == {(0, 1e-3)}
    assert measured("remedies", paper_setup("C1")) == {
        (dimension, epsilon) for dimension in (0, 100) for epsilon in (1e-3, 5e-4)}
    assert measured("optimizers", paper_setup("C1")) == {(0, 1e-3), (0, 5e-4)}


def test_columns_are_those_of_the_paper():
    from replication.report import paper

    for number, module in experiments.tables().items():
        for columns in paper.table(number).values():
            assert list(columns) == [column.name for column in module.COLUMNS]
