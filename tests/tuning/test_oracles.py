"""The algorithms of keras-tuner as this package uses them: what they draw depends on the seed and the trials alone."""

import pytest

from replication import configuration, data, records, tuning
from replication.errors import UserError
from replication.tuning import search as searching
from replication.tuning.oracles import make_oracle
from tests import networks
from tests.tuning import short


def _oracle(folder, tuner, on_trial_end=lambda: None):
    oracle = make_oracle(short.search(tuner=tuner, max_trials=20), on_trial_end)
    for number in range(2):
        oracle.hyperparameters.Float(f"x{number}", 0.0, 1.0)
    oracle._set_project_dir(folder, "oracle")
    return oracle


def _continue(oracle, trials):
    """Ends so many further trials, whose score is a function of their values; returns all values."""
    for _ in range(trials):
        trial = oracle.create_trial("tuner0")
        values = trial.hyperparameters.values
        oracle.update_trial(trial.trial_id, {"score": (values["x0"] - 0.3) ** 2 + abs(values["x1"] - 0.8)})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return [oracle.trials[name].hyperparameters.values for name in sorted(oracle.trials, key=int)]


@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_a_search_that_goes_on_in_another_process_is_the_undisturbed_one(tuner, tmp_path):
    """Bayesian optimization draws its first ten trials at random."""
    undisturbed = _continue(_oracle(tmp_path / "whole", tuner), 14)
    _continue(_oracle(tmp_path / "parts", tuner), 12)
    resumed = _oracle(tmp_path / "parts", tuner)
    resumed.reload()
    assert _continue(resumed, 2) == undisturbed


def test_an_error_of_the_record_ends_a_process_alone_and_waits_in_a_chief(tmp_path):
    def full():
        raise OSError("no space left")

    alone = _oracle(tmp_path / "alone", "random", full)
    with pytest.raises(OSError, match="no space left"):
        _continue(alone, 1)
    chief = _oracle(tmp_path / "chief", "random", full)
    chief.is_chief = True
    _continue(chief, 2)
    assert "no space left" in str(chief.failure)


def test_the_standard_space_is_found_whole_and_in_one_order(tmp_path):
    search = configuration.Search(network=networks.ONE_LAYER, dataset="digits", max_trials=1, epochs=1)
    parts = tuning.hold_out(data.load("digits"), search.validation_share)
    record = records.Workdir.create(tmp_path).search(search)
    first, *others = ([hp.name for hp in searching.Tuner(
        search, record, parts, space=tuning.SearchSpace).oracle.get_space().space] for _ in range(4))
    assert first[:3] == ["optimizer", "learning_rate", "batch_size"] and all(each == first for each in others)
    assert {"sam_rho", "sam_adaptive_rho", "dynamic_sampling_theta", "dynamic_sampling_growth"} <= set(first)


def test_a_worker_of_another_search_than_the_chiefs_is_told(tmp_path, monkeypatch):
    search = short.search()
    parts = tuning.hold_out(data.load("digits"), search.validation_share)
    record = records.Workdir.create(tmp_path).search(search)
    worker = searching.Tuner(search, record, parts, space=short.LearningRates)
    worker._role = "worker"
    monkeypatch.setattr(searching, "_SECONDS_FOR_THE_CHIEF", 0)
    with pytest.raises(UserError, match="not begun by the chief; start it and the workers with the same flags"):
        worker._require_chief()
