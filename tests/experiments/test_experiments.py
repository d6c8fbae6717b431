import dataclasses
import importlib
import subprocess
import sys

import pytest

from replication import catalog, experiments, paper, remedies
from replication.configuration import Measure, presets
from replication.configuration.tasks import merge, runs, scheduled_epochs
from replication.errors import UserError
from replication.experiments import spreads

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


def runs_of(name, setup):
    """The runs that an experiment needs."""
    return runs(experiments.get(name).needs(setup))


def measured(name, setup):
    """Pairs of the runs and the choices of each measurement that an experiment needs."""
    return [(task.runs, choices) for task in experiments.get(name).needs(setup) if isinstance(task, Measure)
            for choices in task.choices]


def test_experiments_are_found_by_import():
    tables, listings = {2, 3, 4, 6, 7}, {"distances", "optimizers", "remedies", "searches"}
    figures = {*(f"figure{number}" for number in range(2, 8)), "performance", "steepness", "tradeoff"}
    assert tables <= set(experiments.tables())
    assert figures <= set(experiments.figures()) and listings <= set(experiments.listings())
    assert figures | listings | {f"table{number}" for number in tables} <= set(experiments.names())
    assert experiments.names() == sorted(experiments.names())


def test_an_experiment_of_the_users_own_is_found(tmp_path):
    """A new experiment is one new module."""
    (tmp_path / "mine.py").write_text(
        "from replication.experiments.base import Listing\n"
        "MINE = Listing(name='mine', title='Mine', caption='It is mine.', needs=lambda setup: [],"
        " listing=lambda store: ((), []))\n", encoding="utf-8")
    code = ("import replication.experiments as experiments; "
            f"experiments.__path__.append({str(tmp_path)!r}); print(experiments.listings()['mine'].title)")
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout == "Mine\n"


def test_unknown_experiment_lists_the_known_ones():
    with pytest.raises(UserError, match="table9.*distances.*table7"):
        experiments.get("table9")


@pytest.mark.parametrize("name", experiments.names())
def test_each_tells_what_it_is(name):
    experiment = experiments.get(name)
    assert experiment.title and experiment.caption.endswith(".")
    assert experiment.place or experiment.name in (f"table{number}" for number in experiments.tables()) or (
        experiment.name.startswith("figure"))


MODULES = {name: {"searches": "tuning", "tradeoff": "tuning",
                  "choice_effects": "choices", "origin_effects": "origins", "scale": "losses", "boxes":
                  "reparametrization", "spectral_density": "spectrum", "surface": "surfaces",
                  "figure3_normalized": "surfaces", "robustness_ranks": "robustness"}.get(name, name)
           for name in experiments.names()}


@pytest.mark.parametrize("name, module", MODULES.items())
def test_each_module_tells_what_it_is_how_it_is_made_and_what_it_reached(name, module):
    experiment, doc = experiments.get(name), importlib.import_module(f"replication.experiments.{module}").__doc__
    if module == name:
        called = f"The {name.replace('_', ' ')}" if experiment.place else f"{name[:-1].capitalize()} {name[-1]}"
        assert doc.startswith(called)
    assert "\n    " + (experiment.command or "python -m replication.reproduce --preset=paper") in doc
    assert experiment.command or f"--experiments={name}\n" in doc
    assert ("results/" in doc) != ("not been run yet on" in doc)


@pytest.mark.parametrize("name", experiments.names())
@pytest.mark.parametrize("preset", presets.PRESETS)
def test_whatever_is_measured_is_trained_and_a_start_comes_first(name, preset):
    setup = paper_setup(*catalog.NETWORKS, warm_start_every=25)
    if preset != "paper":
        preset = presets.PRESETS[preset]
        setup = dataclasses.replace(setup, preset=preset, networks=tuple({*preset.networks, "F1", "C1"}), trials=2,
                                    study_networks=None)
    tasks = merge(experiments.get(name).needs(setup))
    # A search is made by a script of its own.
    assert bool(tasks) != bool(experiments.get(name).command)
    trained = [task for task in tasks if not isinstance(task, Measure)]
    assert len({task.run for task in trained}) == len(trained)
    assert {run for task in tasks if isinstance(task, Measure) for run in task.runs} <= {task.run for task in trained}
    kept = {}
    for task in trained:
        if task.run.start:
            assert task.run.start.epoch in (None, *kept[task.run.start.run])
        kept[task.run.name] = scheduled_epochs(task.keep, 100)


def test_runs_are_resolved(setup):
    found = runs_of("table2", setup)
    assert [(run.regime, run.trial, run.batch_size) for run in found] == [
        ("SB", 0, 32), ("LB", 0, 400), ("SB", 1, 32), ("LB", 1, 400)]
    assert all(run.jit_compile and run.dataset == "mnist5k" for run in found)


def test_architecture_is_that_of_the_setup(setup):
    for architecture, expected in ((None, "released"), ("text", "text")):
        convolutional = dataclasses.replace(setup, networks=("C1", "C2"), architecture=architecture)
        assert {run.architecture for run in convolutional.runs()} == {expected}


@pytest.mark.parametrize("name, dimension", [("table3", 0), ("table4", 100)])
def test_a_trial_shares_its_subspace(setup, name, dimension):
    found = measured(name, setup)
    assert len(found) == 8
    assert {(choices.subspace_dim, choices.epsilon) for _, choices in found} == {(dimension, 1e-3), (dimension, 5e-4)}
    assert all(choices.seed == run.trial for (run,), choices in found)
    assert runs_of(name, setup) == tuple(setup.runs())


def test_figure_3_joins_the_minimizers_of_trial_0(setup):
    (((small, large), path),) = measured("figure3", setup)
    assert (small.regime, large.regime, small.trial, large.trial) == ("SB", "LB", 0, 0)
    assert runs_of("figure3", setup) == (small, large) and (path.kind, path.points) == ("linear", 25)


def test_figure_7_is_figure_3_on_the_curve(setup):
    assert runs_of("figure3", setup) == runs_of("figure7", setup)
    assert [path.kind for _, path in measured("figure7", setup)] == ["curved"]


def test_merging_keeps_each_thing_once(setup):
    tasks = merge(task for name in ("table2", "table3", "table4", "figure2", "figure3", "distances")
                  for task in experiments.get(name).needs(setup))
    kinds = [(task.kind, len(task.choices) if isinstance(task, Measure) else 1) for task in tasks]
    assert sorted(kinds) == [("paths", 1), *[("sharpness", 4)] * 4, *[("training", 1)] * 4]


def test_the_papers_studies_are_of_f2_and_c1():
    setup = paper_setup(*catalog.NETWORKS)
    for name in ("figure4", "figure5", "figure6", "steepness", "optimizers", "remedies"):
        assert {run.network for run in runs_of(name, setup)} == {"F2", "C1"}, name
    assert runs_of("figure4", paper_setup("F1")) == ()
    asked = paper_setup("F1", study_networks=("F1",))
    assert {run.network for run in runs_of("figure4", asked)} == {"F1"}


def test_figure_4_of_the_paper_is_a_logarithmic_grid_of_100_epochs():
    found = runs_of("figure4", paper_setup("C1"))
    assert [run.batch_size for run in found] == [64, 128, 256, 512, 1024, 2048, 4096, 5000]
    assert {(run.regime, run.epochs, run.trial) for run in found} == {("grid", 100, 0)}


def test_figure_4_shares_the_runs_of_table_2_where_they_are_the_same(setup):
    grid, main = (runs_of(name, setup) for name in ("figure4", "table2"))
    assert [(run.batch_size, run in main) for run in grid] == [(8, False), (24, False), (400, True)]


def test_batch_sizes_asked_for_replace_the_grid_even_above_lb(setup):
    setup = dataclasses.replace(setup, batch_sizes=(700, 0.1, 16))
    assert [run.batch_size for run in runs_of("figure4", setup)] == [16, 400, 700]


def test_figure_5_starts_lb_from_each_kept_iterate():
    setup = paper_setup("C1", warm_start_every=40)
    small, large, *started = runs_of("figure5", setup)
    assert (small.batch_size, large.batch_size, large.start) == (256, 5000, None)
    assert [(run.start.run, run.start.epoch) for run in started] == [(small.name, 40), (small.name, 80)]
    assert {dataclasses.replace(run, start=None) for run in started} == {large}
    assert {run for (run,), _ in measured("figure5", setup)} == {large, *started}
    kept = {task.run: task.keep for task in merge(experiments.get("figure5").needs(setup)) if task.kind == "training"}
    assert kept == {small: (40,), large: (), **dict.fromkeys(started, ())} and small.epochs == large.epochs == 100
    assert len(runs_of("figure5", paper_setup("C1"))) == 102


@pytest.mark.parametrize("name, kind", [("figure6", "iterates"), ("steepness", "steepness")])
def test_sb_and_lb_are_both_measured(setup, name, kind):
    tasks = experiments.get(name).needs(setup)
    assert {task.kind for task in tasks} == {kind}
    assert {task.run for task in tasks} == set(runs(tasks)) == set(setup.runs(trials=1))


def test_each_optimizer_has_its_own_learning_rate(setup):
    found = runs_of("optimizers", setup)
    assert {run.optimizer: run.learning_rate for run in found if run.regime == "LB"} == {
        "adam": 1e-3, "sgd": 1e-2, "momentum": 1e-2, "adagrad": 1e-2}
    assert {run.optimizer for run in found if run.regime == "SB"} == {"adam"}


def test_figures_4_and_5_share_their_runs():
    grid, warm = (runs_of(name, paper_setup("C1")) for name in ("figure4", "figure5"))
    assert set(warm[:2]) <= set(grid)


def test_table_6_augments_the_convolutional_networks():
    setup = paper_setup(*catalog.NETWORKS)
    found = runs_of("table6", setup)
    assert {run.network for run in found} == {"C1", "C2", "C3", "C4"} and len(found) == 40
    assert set(experiments.get("table6").networks) == {"C1", "C2", "C3", "C4"}
    assert {run.remedy for run in found} == {remedies.Augmentation()}
    assert {run.regime for (run,), _ in measured("table6", setup)} == {"LB"}


def test_augmentation_is_never_compiled():
    setup = dataclasses.replace(paper_setup("C1"), jit_compile=lambda network: True)
    assert not any(run.jit_compile for run in runs_of("table6", setup))


def test_large_batches_of_convolutional_networks_alone_recompute():
    """So that SB runs that are finished without it are not trained again."""
    setup = dataclasses.replace(paper_setup("F1", "C2"), recompute=True)
    assert {(run.network, run.regime) for run in runs_of("table2", setup) if run.recompute} == {("C2", "LB")}
    assert not any(run.recompute for run in runs_of("table2", paper_setup("C2")))
    setup = dataclasses.replace(paper_setup("C1"), recompute=True)
    for name in ("figure4", "figure5", "correlation"):
        found = runs_of(name, setup)
        assert {run.recompute for run in found} == {True, False}, name
        assert all(run.recompute == (run.batch_size > 256) for run in found), name


def test_no_sam_over_the_whole_batch_is_called_one_over_parts():
    small = [experiments.Setup(preset=presets.PRESETS[name], networks=(network,), trials=1, jit_compile=lambda _: False)
             for name, network in (("quick", "C1"), ("tour", "F1"))]
    for setup in (*small, paper_setup("F2")):
        found = [run for run in runs_of("remedies", setup) if run.remedy and run.remedy.NAME == "sam"]
        assert found and all(run.remedy.examples is None or run.remedy.examples < run.batch_size for run in found)
    assert {run.remedy.examples for run in found} == {256}


@pytest.mark.parametrize("name", ["tour", "paper"])
def test_spreads_vary_the_batches(name):
    """Of fewer examples than two of the batches hold, the batches would be the same."""
    setup = dataclasses.replace(paper_setup("F1"), preset=presets.PRESETS[name])
    usual = spreads._usual(setup.run("F1", "LB", 0), setup.preset.study_examples, 0)
    found = spreads._variations(usual, setup.resolved_dataset("F1").training_size)
    assert ("the batch of f" in found) == ("the partition" in found) == (name == "paper")
    assert len(found) == (5 if name == "tour" else 7)


def test_table_7_sets_plain_sb_beside_conservative_lb(setup):
    small, large = runs_of("table7", setup)
    assert small == setup.run("F1", "SB", 0) and large.remedy == remedies.Conservative()
    assert dataclasses.replace(large, remedy=None) == setup.run("F1", "LB", 0)
    assert {run for (run,), _ in measured("table7", setup)} == {large}


def test_remedies_are_all_that_the_network_admits(setup):
    quick = [run.remedy.NAME for run in runs_of("remedies", setup) if run.remedy]
    assert sorted(quick) == ["adversarial", "conservative", "dynamic_sampling", "sam", "stability"]
    listed = [run.remedy.NAME for run in runs_of("remedies", paper_setup("F2")) if run.remedy and run.trial == 0]
    assert set(listed) == set(remedies.REMEDIES) - {"augmentation", "imitation"} and listed.count("sam") == 2
    # With penalty 0: as many updates without the proximal term.
    assert listed.count("conservative") == 2 and listed.count("learning_rate_scaling") == 2
    convolutional = runs_of("remedies", paper_setup("C1"))
    assert remedies.Augmentation() in {run.remedy for run in convolutional}
    growing = {run.remedy.first_batch_size for run in convolutional
               if run.remedy and run.remedy.NAME == "dynamic_sampling"}
    assert growing == {256}


def test_remedies_and_optimizers_are_measured_at_the_epsilons_that_the_preset_has_for_them(setup):
    def points(name, setup):
        return {(choices.subspace_dim, choices.epsilon) for _, choices in measured(name, setup)}

    assert points("remedies", setup) == {(0, 1e-3)} and points("optimizers", setup) == {(0, 1e-3)}
    assert points("remedies", paper_setup("C1")) == {
        (dimension, epsilon) for dimension in (0, 100) for epsilon in (1e-3, 5e-4)}
    assert points("optimizers", paper_setup("C1")) == {(0, 1e-3), (0, 5e-4)}


def test_columns_are_those_of_the_paper():
    for number, table in experiments.tables().items():
        for columns in paper.table(number).values():
            assert list(columns) == [column.name for column in table.columns]
