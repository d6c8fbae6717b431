"""The standard search space: every point of it is a run, and every choice is in it."""

import dataclasses

import pytest

from replication import configuration, data, records, remedies, tuning
from replication.tuning.search import Tuner
from replication.weights import build_network, flatten_weights

POINTS = 300


class _Runs(tuning.SearchSpace):
    """The standard space without the time that it takes to build networks."""

    def build(self, hp):
        return self.run(hp)


def _sample(folder, network, dataset, **choices):
    """The names of all hyperparameters, and the runs of random points of the space."""
    search = configuration.Search(network=network, dataset=dataset, max_trials=POINTS, **choices)
    parts = tuning.hold_out(data.load(dataset), 0.1)
    tuner = Tuner(search, records.Workdir.create(folder).search(search), parts, space=_Runs)
    oracle, runs = tuner.oracle, []
    for number in range(POINTS):
        hp = oracle.get_space()
        hp.values = oracle.populate_space(f"{number:03d}")["values"]
        runs.append(tuner.hypermodel.run(hp))
        parts.check_run(runs[-1])
    return {hp.name for hp in oracle.get_space().space}, runs


@pytest.mark.parametrize("network, dataset", [("F1", "digits"), ("C1", "digits32")])
def test_every_remedy_optimizer_and_batch_size_occurs(network, dataset, tmp_path):
    names, runs = _sample(tmp_path, network, dataset)
    images = network == "C1"
    admitted = {kind for kind in remedies.REMEDIES.values() if images or not kind.NEEDS_IMAGES}
    assert {type(run.remedy) for run in runs} == {type(None), *admitted}
    assert {run.optimizer for run in runs} == set(configuration.OPTIMIZERS)
    assert {run.batch_size for run in runs} == {16, 32, 64, 128, 256}
    assert all(1e-4 <= run.learning_rate <= 1e-1 for run in runs)
    assert ("dropout" in names) == images == any(run.dropout is not None for run in runs)
    # Each option of a remedy is found, however deep it lies.
    options = {f"{kind.NAME}_{field.name}" for kind in admitted for field in dataclasses.fields(kind)}
    assert options - {"dynamic_sampling_first_batch_size"} <= names


def test_options_of_a_remedy_vary(tmp_path):
    _, runs = _sample(tmp_path, "C1", "digits32")
    for kind in remedies.REMEDIES.values():
        of_the_kind = [run.remedy for run in runs if type(run.remedy) is kind]
        for field in dataclasses.fields(kind):
            assert len({getattr(remedy, field.name) for remedy in of_the_kind}) > 1, (kind, field.name)


def test_what_cannot_be_compiled_is_not(tmp_path):
    _, runs = _sample(tmp_path, "C1", "digits32", jit_compile=True)
    assert all(run.jit_compile == (run.remedy is None or run.remedy.compiles) for run in runs)
    assert {run.jit_compile for run in runs if isinstance(run.remedy, remedies.Augmentation)} == {False}
    assert {run.jit_compile for run in runs if isinstance(run.remedy, remedies.Imitation)} == {True, False}


def test_dropout_changes_the_rates_and_no_weight():
    run = configuration.Search(network="C1", dataset="digits32").run(batch_size=16)
    plain, other = build_network(run), build_network(dataclasses.replace(run, dropout=0.125))
    assert (flatten_weights(plain) == flatten_weights(other)).all()
    assert [layer.rate for layer in plain.layers if "dropout" in layer.name] == [0.5, 0.5]
    assert [layer.rate for layer in other.layers if "dropout" in layer.name] == [0.125, 0.125]


def test_dropout_leaves_the_names_of_runs_without_it():
    run = configuration.Run(network="C1", regime="SB", trial=0, dataset="cifar10", batch_size=256)
    assert "dropout" not in run.name and dataclasses.replace(run, dropout=0.25).name != run.name
    assert configuration.Run.from_json(run.to_json()) == run
