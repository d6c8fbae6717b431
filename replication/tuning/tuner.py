"""Runs the trials that an oracle proposes."""

import gc

import keras
import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner

from replication import files
from replication.errors import MeasurementFailedError, TrainingFailedError


class Tuner(BaseTuner):
    """A tuner of keras-tuner that trains, measures and records by our own means.

    A trial fails by its training, such as a loss that became NaN, or by the checks of its measurement; the search
    goes on. Any other error, such as a damaged file or a bug, ends the search as a FatalError with it as the cause.
    Its trial is not ended: it comes first when the search goes on.

    The oracle's state is all there is to go on from, whether this process is alone or the chief.

    Args:
        oracle: Of `make_oracle`.
        space: A `SearchSpace`.
        record: The `records.SearchRecord`; keras-tuner's files come into its folder.
        workdir: The `records.Workdir` of the trials' runs.
        dataset: The `data.Data` of `hold_out`.
    """

    def __init__(self, oracle, space, *, record, workdir, dataset):
        super().__init__(oracle=oracle, hypermodel=space, directory=str(record.folder.parent),
                         project_name=record.name)
        self._record = record
        self._workdir = workdir
        self._dataset = dataset

    def run_trial(self, trial):
        # What Keras and TensorFlow hold of the trials before.
        keras.utils.clear_session()
        gc.collect()
        hp = trial.hyperparameters
        try:
            return self.hypermodel.fit(hp, self.hypermodel.build(hp), workdir=self._workdir, dataset=self._dataset)
        except (TrainingFailedError, MeasurementFailedError) as error:
            files.write_json(self._record.failure(trial.trial_id), {"reason": str(error)})
            raise keras_tuner.errors.FailedTrialError(str(error)) from None
        except Exception as error:
            raise keras_tuner.errors.FatalError(str(error)) from error

    def save(self):
        if not self._is_worker():
            self.oracle.save()

    def reload(self):
        if not self._is_worker():
            self.oracle.reload()

    def _get_tuner_fname(self):
        return self.oracle._get_oracle_fname()
