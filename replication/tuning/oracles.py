"""The algorithms of keras-tuner, with a state on disk that survives the loss of the process at any moment."""

import contextlib
import pathlib

import keras_tuner
import numpy as np
from absl import logging
from keras_tuner import oracles
from keras_tuner.engine.trial import Trial

from replication import files
from replication.errors import UserError

# Bayesian optimization draws so many trials at random before its first model. keras-tuner's own number, three times
# that of the hyperparameters, is more than most searches have trials.
_RANDOM_TRIALS = 10


class _Durable:
    """An oracle whose files are complete at any moment, and consistent with each other when they are read.

    Args:
        on_trial_end: Function without arguments that is called when the state of an ended trial is on disk.

    Attributes:
        is_chief: Whether it serves workers, default False.
        failure: The last error of a chief that could not write; None if there was none.
    """

    def __init__(self, *args, on_trial_end, **kwargs):
        super().__init__(*args, **kwargs)
        self._on_trial_end = on_trial_end
        self.is_chief, self.failure = False, None

    def save(self):
        with self._keeping_errors():
            files.write_json(self._get_oracle_fname(), self.get_state())

    def reload(self):
        """Reads the state and its trials; trials that had begun and not ended will run again.

        Raises:
            UserError: a file is damaged.
        """
        path = self._get_oracle_fname()
        remedy = f"remove {path} to start the search again: a run that is asked for again is not trained again"
        state = files.read_json(path, remedy=remedy)
        try:
            # keras-tuner writes a trial before the state that lists it. A trial that is in no state had not begun: it
            # comes again under the same number.
            self.trials = {name: Trial.from_state(files.read_json(self._trial_file(name), remedy=remedy))
                           for name in state["start_order"]}
            self.set_state(state)
        except KeyError as error:
            # Another version of keras-tuner may write other fields.
            raise UserError(f"{path}: {error} is missing in it or in a trial beside it; {remedy}") from None
        # keras-tuner writes the state at a trial's end before it removes the trial from the ongoing ones.
        begun = {*self._retry_queue, *(trial.trial_id for trial in self.ongoing_trials.values())} - {*self.end_order}
        self._retry_queue, self.ongoing_trials = [], {}
        for name in sorted(begun, key=int, reverse=True):
            self.repeat(name)

    def repeat(self, name):
        """Puts the trial of this name back at the head of the queue."""
        self.trials[name] = Trial(self.trials[name].hyperparameters, name)
        self.end_order = [each for each in self.end_order if each != name]
        self._retry_queue.append(name)

    @keras_tuner.synchronized
    def end_trial(self, trial):
        super().end_trial(trial)
        with self._keeping_errors():
            self._on_trial_end()

    def _save_trial(self, trial):
        with self._keeping_errors():
            files.write_json(self._trial_file(trial.trial_id), trial.get_state())

    @contextlib.contextmanager
    def _keeping_errors(self):
        """Opens a block whose error a chief reports and keeps for its end.

        An error within keras-tuner would leave the chief's locks closed, and its workers would wait for ever.
        """
        try:
            yield
        except Exception as error:
            if not self.is_chief:
                raise
            logging.error("%s", error)
            self.failure = error

    def _trial_file(self, name):
        return pathlib.Path(self._project_dir) / f"trial_{name}" / "trial.json"


class _Random(_Durable, oracles.RandomSearchOracle):
    pass


class _Bayesian(_Durable, oracles.BayesianOptimizationOracle):
    def populate_space(self, trial_id):
        # keras-tuner does not save this generator: a search that goes on would draw what the first trials drew.
        self._random_state = np.random.RandomState(self.seed + len(self.trials))
        return super().populate_space(trial_id)


class _Hyperband(_Durable, oracles.HyperbandOracle):
    def set_state(self, state):
        # The number of sweeps is the one asked for now, which may be larger than when the state was written.
        super().set_state({**state, "hyperband_iterations": self.hyperband_iterations})


def make_oracle(search, on_trial_end):
    """The oracle of a search.

    Args:
        search: A `configuration.Search`.
        on_trial_end: The same as for `_Durable`.
    """
    options = {
        "objective": keras_tuner.Objective("score", search.direction),
        # keras-tuner takes 0 for no seed.
        "seed": search.seed + 1,
        # A run that diverges is a result: no number of failed trials in a row ends the search.
        "max_consecutive_failed_trials": search.max_trials + 1,
        "on_trial_end": on_trial_end,
    }
    if search.tuner == "random":
        return _Random(max_trials=search.max_trials, **options)
    if search.tuner == "bayesian":
        return _Bayesian(max_trials=search.max_trials, num_initial_points=_RANDOM_TRIALS, **options)
    # Hyperband counts sweeps, and each sweep has at least one trial.
    oracle = _Hyperband(max_epochs=search.epochs, hyperband_iterations=search.max_trials, **options)
    oracle.max_trials = search.max_trials
    return oracle
