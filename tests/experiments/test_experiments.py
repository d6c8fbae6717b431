import pytest

from replication import configuration, experiments
from replication.errors import UserError


@pytest.fixture
def setup():
    return experiments.Setup(preset=configuration.PRESETS["quick"], networks=("F1",), trials=2,
                             jit_compile=lambda network: network == "F1")


def test_experiments_are_found_by_file_name():
    assert experiments.names() == ["figure3", "table2", "table3", "table4"]
    assert sorted(experiments.tables()) == [2, 3, 4] and list(experiments.figures()) == ["figure3"]


def test_unknown_experiment_lists_the_known_ones():
    with pytest.raises(UserError, match="table9.*figure3, table2, table3, table4"):
        experiments.get("table9")


@pytest.mark.parametrize("name", experiments.names())
def test_each_tells_what_it_is(name):
    module = experiments.get(name)
    assert module.TITLE and module.__doc__.startswith(f"{name[:-1].capitalize()} {name[-1]}")


def test_runs_are_resolved(setup):
    runs = experiments.get("table2").needs(setup).runs
    assert [(run.regime, run.trial, run.batch_size) for run in runs] == [
        ("SB", 0, 8), ("LB", 0, 144), ("SB", 1, 8), ("LB", 1, 144)]
    assert all(run.jit_compile and run.dataset == "digits" for run in runs)


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


def test_merging_keeps_each_thing_once(setup):
    everything = experiments.merge(experiments.get(name).needs(setup) for name in experiments.names())
    assert (len(everything.runs), len(everything.measurements), len(everything.paths)) == (4, 16, 1)


def test_columns_are_those_of_the_paper():
    from replication.report import paper

    for number, module in experiments.tables().items():
        for columns in paper.table(number).values():
            assert list(columns) == [column.name for column in module.COLUMNS]
