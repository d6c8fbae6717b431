"""Configurations: what they resolve, refuse, and are called on disk."""

import dataclasses
import inspect

import pytest

from replication import catalog, configuration, landscape, remedies
from replication.configuration import Run, presets
from replication.configuration.presets import PRESETS
from replication.errors import UserError
from replication.sharpness import measure_sharpness


def run(network, regime="SB", **choices):
    return Run(network=network, regime=regime, trial=0, dataset="digits32", batch_size=8, **choices)


@pytest.mark.parametrize("regime, jit_compile, name", [
    ("SB", False, "F1-SB-trial0-6189c893"), ("SB", True, "F1-SB-trial0-b0186641"),
    ("LB", False, "F1-LB-trial0-11394eb3"), ("LB", True, "F1-LB-trial0-0bacb493"),
])
def test_names_of_earlier_records_stay(regime, jit_compile, name):
    assert PRESETS["paper"].run("F1", regime, 0, jit_compile=jit_compile).name == name


def test_equal_numbers_have_one_name():
    assert run("F1", learning_rate=1).name == run("F1", learning_rate=1.0).name
    assert type(Run.from_json(run("F1", learning_rate=1).to_json()).learning_rate) is float


def test_records_from_before_a_choice_are_read():
    fields = run("F1").to_json()
    del fields["architecture"]
    assert Run.from_json(fields) == run("F1")


_OTHERS = {
    "statistics": "moving", "optimizer": "sgd", "learning_rate": 0.5, "epochs": 7, "max_epochs": 7, "patience": 7,
    "min_improvement": 0.7, "evaluation_batch_size": 7, "deterministic": True, "architecture": "text",
    "precision": "mixed_bfloat16", "remedy": remedies.Conservative(),
    "start": configuration.Start("C1-SB-trial0-00000000"), "dropout": 0.1,
    "distribution": configuration.Distribution(2), "kernel_initializer": "he_uniform", "normalization_epsilon": 0.1,
    "adam_epsilon": 0.1, "stop": "accuracy", "target_accuracy": 70.0, "min_epochs": 7, "target_loss": 0.7,
    "training_loss": "mean_squared_error", "kernel_scale": 7.0, "without_normalization": True,
    "recompute": True}


def test_readers_are_told_of_every_choice_that_tells_a_run_from_the_usual_one():
    plain = PRESETS["paper"].run("C1", "SB", 0, jit_compile=False)
    dataset = catalog.DATASETS["cifar10"]
    assert presets.peculiarities(plain, dataset) == []
    shown = {"network", "regime", "trial", "dataset", "batch_size", "classes", "jit_compile"}
    assert {field.name for field in dataclasses.fields(Run)} == {*_OTHERS, *shown}
    for name, value in _OTHERS.items():
        needed = {"stop": {"target_accuracy": 70.0}, "target_loss": {"stop": "loss"}}.get(name, {})
        assert presets.peculiarities(dataclasses.replace(plain, **{name: value}, **needed), dataset), name


@pytest.mark.parametrize("choice", ["distribution", "start"])
def test_a_part_that_is_no_object_is_named(choice):
    with pytest.raises(UserError, match="7"):
        Run.from_json({**run("F1").to_json(), choice: 7})


@pytest.mark.parametrize("network", ["C1", "C2", "C3", "C4"])
def test_architecture_is_resolved_and_told_apart(network):
    released, text = run(network), run(network, architecture="text")
    assert released.architecture == "released" and released == run(network, architecture="released")
    assert text.architecture == "text" and text.name != released.name
    for each in (released, text):
        assert Run.from_json(each.to_json()) == each


def test_a_network_without_a_choice_has_none():
    assert run("F1").architecture is None


@pytest.mark.parametrize("network, choices, message", [
    ("F1", {"architecture": "released"}, "architecture='released': expected none, F1 has only one"),
    ("C1", {"architecture": "alexnet"}, "architecture='alexnet': expected one of released, text"),
    ("C1", {"architecture": 1}, "architecture=1: expected one of released, text"),
])
def test_a_wrong_architecture_is_named(network, choices, message):
    with pytest.raises(UserError, match=message):
        run(network, **choices)


def test_convolutions_need_images(monkeypatch):
    monkeypatch.setitem(catalog.DATASETS, "frames", catalog.Dataset(100, 50, (360,), 10))
    with pytest.raises(UserError, match=r"input_shape=\(360,\): expected height, width .*, which C1 convolves"):
        dataclasses.replace(run("C1"), dataset="frames")


def test_a_tenth_of_any_training_set_makes_ten_updates_at_most():
    for size in (*range(1, 2000), 60_000, 72_133, 721_329):
        dataset = dataclasses.replace(catalog.DATASETS["mnist"], training_size=size)
        batch_size = catalog.regime_batch_size(0.1, dataset)
        assert -(-size // batch_size) <= 10 and (batch_size - 1) * 10 < size


def test_presets_pass_the_architecture_on():
    for preset in PRESETS.values():
        described = preset.run("C1", "LB", 0, jit_compile=False, architecture="text")
        assert described.architecture == "text"


@pytest.mark.parametrize("network, dataset", [("F1", "mnist5k"), ("C1", "digits"), ("C4", "digits32")])
def test_quick_gives_each_network_digits_of_its_size(network, dataset):
    assert PRESETS["quick"].run(network, "SB", 0, jit_compile=False).dataset == dataset


@pytest.mark.parametrize("network, dataset", [
    ("F1", "mnist"), ("C1", "cifar10"), ("C2", "cifar10"), ("C3", "cifar100"), ("C4", "cifar100"),
])
def test_paper_gives_each_network_its_own_data(network, dataset):
    large = PRESETS["paper"].run(network, "LB", 0, jit_compile=False)
    assert large.dataset == dataset
    assert large.batch_size == (6000 if network == "F1" else 5000)


def test_paths_join_minimizers_of_one_architecture():
    class Record:
        def __init__(self, described):
            self.configuration = described

    records = [Record(run("C1", regime, architecture=architecture))
               for regime in ("SB", "LB") for architecture in ("released", "text")]
    joined = [(small.configuration, large.configuration) for small, large in landscape.pairs(records)]
    assert [(s.architecture, l.architecture) for s, l in joined] == [("released", "released"), ("text", "text")]
    assert all((s.regime, l.regime) == ("SB", "LB") for s, l in joined)


def test_the_defaults_of_the_remedies_are_those_that_the_docs_state():
    """docs/choices.md gives their reasons; another default would be another result under an old name."""
    assert {name: kind().to_json() for name, kind in remedies.REMEDIES.items()} == {
        "augmentation": {"name": "augmentation", "rotation": 10.0, "translation": 0.2, "flip": True},
        "conservative": {"name": "conservative", "iterations": 3, "penalty": 1e-3},
        "adversarial": {"name": "adversarial", "epsilon": 0.1, "clean_share": 0.5},
        "stability": {"name": "stability", "deviation": 0.04, "weight": 0.01},
        "dynamic_sampling": {"name": "dynamic_sampling", "test": "schedule", "first_batch_size": 256, "growth": 1.5,
                             "theta": 0.5},
        "sam": {"name": "sam", "rho": 0.05, "adaptive": False, "examples": 256},
        "ghost_normalization": {"name": "ghost_normalization", "examples": 256},
        "learning_rate_scaling": {"name": "learning_rate_scaling", "rule": "sqrt", "small_batch": 256,
                                  "warmup_epochs": 5.0},
        "imitation": {"name": "imitation", "rule": "none", "warmup_epochs": 0.0, "noise": False, "ghost": False,
                      "small_batch": 256}}
    assert {name for name, kind in remedies.REMEDIES.items() if not kind().compiles} == {
        "augmentation", "ghost_normalization", "sam"}


@pytest.mark.parametrize("name, options, words", [
    ("sam", {"rho": -0.1}, "rho=-0.1: expected a number of at least 0"),
    ("sam", {"examples": 0}, "examples=0: expected a whole number of at least 1"),
    ("conservative", {"iterations": 1}, "iterations=1: expected a whole number of at least 2"),
    ("learning_rate_scaling", {"warmup_epochs": -0.5}, "warmup_epochs=-0.5: expected a number of at least 0")])
def test_what_a_remedy_cannot_be_is_refused(name, options, words):
    with pytest.raises(UserError, match=words):
        remedies.REMEDIES[name](**options)


def test_a_surface_without_the_minimizer_in_its_middle_is_refused():
    with pytest.raises(UserError, match="points=4: expected an odd number"):
        configuration.Surface(points=4)


def test_measure_sharpness_has_the_defaults_of_its_configuration():
    fields = {field.name: field.default for field in dataclasses.fields(configuration.Sharpness)}
    parameters = inspect.signature(measure_sharpness).parameters
    shared = set(fields) & set(parameters)
    assert shared >= {"epsilon", "batch_size", "iterations", "starts", "seed", "solver", "statistics"}
    assert all((parameters[name].default or None) == (fields[name] or None) for name in shared)


@pytest.mark.parametrize("rule, factor", [("linear", 2.5), ("sqrt", 2.5**0.5)])
def test_the_factor_of_a_learning_rate_is_no_whole_number(rule, factor):
    assert remedies.REMEDIES["learning_rate_scaling"](rule=rule, small_batch=32).factor(80) == pytest.approx(factor)
