"""The algorithms of keras-tuner, with a state on disk that survives the loss of the process at any moment."""

import pathlib

import keras_tuner
from keras_tuner import oracles

from replication import files


class _Durable:
    """An oracle whose files are whole at any moment, and agree with each other when they are read.

    Args:
        on_trial_end: Function without arguments, called when the state of an ended trial is on disk.
    """

    def __init__(self, *args, on_trial_end, **kwargs):
        super().__init__(*args, **kwargs)
        self._on_trial_end = on_trial_end

    def save(self):
        files.write_json(self._get_oracle_fname(), self.get_state())

    def reload(self):
        super().reload()
        # A trial is written before the state that knows it. One that was lost in between had not begun: it comes
        # again under the same number.
        self.trials = {name: self.trials[name] for name in self.start_order}

    @keras_tuner.synchronized
    def end_trial(self, trial):
        super().end_trial(trial)
        self._on_trial_end()

    def _save_trial(self, trial):
        files.write_json(pathlib.Path(self._get_trial_dir(trial.trial_id)) / "trial.json", trial.get_state())


class _Random(_Durable, oracles.RandomSearchOracle):
    pass


class _Bayesian(_Durable, oracles.BayesianOptimizationOracle):
    pass


class _Hyperband(_Durable, oracles.HyperbandOracle):
    pass


def make_oracle(search, on_trial_end):
    """The oracle of a search.

    Args:
        search: A `configuration.Search`.
        on_trial_end: As in `_Durable`.
    """
    options = {
        "objective": keras_tuner.Objective("score", search.direction),
        # keras-tuner takes 0 for no seed.
        "seed": search.seed + 1,
        # A run that diverges is a result; no number of them in a row ends the search.
        "max_consecutive_failed_trials": search.max_trials + 1,
        "on_trial_end": on_trial_end,
    }
    if search.tuner == "random":
        return _Random(max_trials=search.max_trials, **options)
    if search.tuner == "bayesian":
        return _Bayesian(max_trials=search.max_trials, **options)
    # Hyperband counts sweeps, each of one trial at least.
    oracle = _Hyperband(max_epochs=search.epochs, hyperband_iterations=search.max_trials, **options)
    oracle.max_trials = search.max_trials
    return oracle
