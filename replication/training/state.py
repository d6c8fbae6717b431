"""The state that an interrupted run resumes from, one atomic file an epoch."""

import json
import math
import tokenize
import zipfile

import keras
import numpy as np

from replication import files
from replication.errors import UserError


class SaveState(keras.callbacks.Callback):
    """Writes the state of a run at the end of each epoch: weights, seeds, optimizer and history.

    Not of one whose loss is not finite: the run fails there, and one that is killed before it says so does it again.

    Args:
        path: The file; it is replaced each time.
        history: The list of the epochs' rows so far, kept by another callback that comes first.
        sessions: Those later sessions of the run that differ from the one before, as in result.json.
    """

    def __init__(self, path, history, sessions=()):
        super().__init__()
        self._path = path
        self._history = history
        self._sessions = list(sessions)

    def on_epoch_end(self, epoch, logs=None):
        if not math.isfinite(logs["loss"]):
            return
        variables = _variables(self.model)
        arrays = {f"variable{i}": v.numpy() for i, v in enumerate(variables)}
        with files.replacing(self._path) as temporary, open(temporary, "wb") as file:
            np.savez(file, history=np.array(json.dumps(self._history)),
                     sessions=np.array(json.dumps(self._sessions)), **arrays)


def restore(path, model):
    """Puts the saved state back into a compiled and built model.

    Args:
        path: As in `SaveState`.
        model: As it was when the state was written, its optimizer built.

    Returns:
        The history, a list of rows, one an epoch, and the sessions; both empty where there is no state.

    Raises:
        UserError: the file is damaged, or belongs to another model.
    """
    if not path.exists():
        return [], []
    variables = _variables(model)
    try:
        with np.load(path, allow_pickle=False) as state:
            arrays = [state[f"variable{i}"] for i in range(len(variables))]
            history = json.loads(str(state["history"]))
            sessions = json.loads(str(state["sessions"]))
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, SyntaxError,
            tokenize.TokenError, zipfile.BadZipFile):
        raise UserError(f"{path}: damaged, the run cannot be resumed from it; remove the file to "
                        "begin the run again") from None
    if [a.shape for a in arrays] != [tuple(v.shape) for v in variables]:
        raise UserError(f"{path}: belongs to another network; remove the file to begin the run again")
    for variable, array in zip(variables, arrays):
        variable.assign(array)
    return history, sessions


def _variables(model):
    return model.variables + model.optimizer.variables
