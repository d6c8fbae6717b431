"""The choices of a search: what is checked, what makes its name, what it optimizes."""

import dataclasses

import pytest

from replication import configuration
from replication.errors import UserError
from replication.tuning.oracles import make_oracle

SEARCH = configuration.Search(network="F1", dataset="digits")


def test_round_trip():
    search = dataclasses.replace(SEARCH, network="C1", dataset="digits32", max_sharpness=10.0)
    assert configuration.Search.from_json(search.to_json()) == search
    assert search.architecture == "released"


def test_every_choice_but_the_number_of_trials_makes_another_search():
    changes = {"tuner": "bayesian", "objective": "sharpness", "max_sharpness": 1.0, "epochs": 3, "seed": 1,
               "validation_share": 0.2, "sharpness_epsilon": 5e-4, "sharpness_iterations": 5,
               "statistics": "moving", "jit_compile": True, "space": "mine", "dataset": "mnist", "network": "F2"}
    names = {dataclasses.replace(SEARCH, **{name: value}).name for name, value in changes.items()}
    assert len(names | {SEARCH.name}) == len(changes) + 1
    assert dataclasses.replace(SEARCH, max_trials=7).name == SEARCH.name


def test_accuracy_within_a_bound_beats_any_accuracy_beyond_it():
    bounded = dataclasses.replace(SEARCH, max_sharpness=10.0)
    admissible = [bounded.score(0.0, 10.0), bounded.score(1.0, 0.0)]
    beyond = [bounded.score(1.0, sharpness) for sharpness in (1e300, 1e4, 20.0, 10.001)]
    assert admissible == [0, 1] and beyond == sorted(beyond)
    assert beyond[0] >= -1 and beyond[-1] < min(admissible)
    assert bounded.direction == "max"


def test_without_a_bound_the_objective_is_the_score():
    assert SEARCH.score(0.5, 1e9) == 0.5
    flat = dataclasses.replace(SEARCH, objective="sharpness")
    assert flat.score(0.5, 3.0) == 3.0 and flat.direction == "min"


@pytest.mark.parametrize("changes, message", [
    ({"tuner": "grid"}, "tuner='grid': expected one of random, bayesian, hyperband"),
    ({"objective": "test_accuracy"}, "objective='test_accuracy'"),
    ({"max_trials": 0}, "max_trials=0"),
    ({"epochs": 0}, "epochs=0"),
    ({"objective": "sharpness", "max_sharpness": 5.0}, "max_sharpness=5.0: expected none"),
    ({"max_sharpness": -1.0}, "max_sharpness=-1.0"),
    ({"validation_share": 0.0}, "validation_share=0.0"),
    ({"validation_share": 1.0}, "validation_share=1.0"),
    ({"validation_share": float("nan")}, "validation_share=nan"),
    ({"sharpness_iterations": 0}, "iterations=0"),
    ({"space": "../mine"}, "space='../mine'"),
    ({"network": "../F1"}, "network='../F1'"),
    ({"dataset": ".."}, "dataset='..'"),
    ({"architecture": "text"}, "architecture='text'"),
    ({"seed": -1}, "seed=-1"),
])
def test_wrong_choices_are_named(changes, message):
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        dataclasses.replace(SEARCH, **changes)


def test_bayesian_optimization_has_a_model_after_ten_trials():
    """keras-tuner would wait for three times as many as the standard space has hyperparameters."""
    search = dataclasses.replace(SEARCH, tuner="bayesian")
    assert make_oracle(search, lambda: None).num_initial_points == 10
