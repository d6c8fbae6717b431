"""The state from which an interrupted run is resumed, in one file that is replaced atomically after each epoch."""

import json
import math
import tokenize
import zipfile

import keras
import numpy as np

from replication import files
from replication.errors import UserError


class SaveState(keras.callbacks.Callback):
    """Writes weights, seeds, optimizer and history at the end of each epoch.

    If the loss is not finite the state is not written. The run fails then, and a run that is killed before it has
    recorded the failure fails again when it is resumed.

    Args:
        path: The file.
        history: The rows of the epochs so far, extended by a callback that comes before this one.
        sessions: The sessions of the run that result.json lists: those whose machine, threads or versions differ from
            the session before.
    """

    def __init__(self, path, history, sessions=()):
        super().__init__()
        self._path = path
        self._history = history
        self._sessions = list(sessions)

    def on_epoch_end(self, epoch, logs=None):
        if not math.isfinite(logs["loss"]):
            return
        arrays = {f"variable{i}": v.numpy() for i, v in enumerate(_variables(self.model))}
        with files.replacing(self._path) as temporary, open(temporary, "wb") as file:
            np.savez(file, history=np.array(json.dumps(self._history)),
                     sessions=np.array(json.dumps(self._sessions)), **arrays)


def restore(path, model):
    """Restores the saved state of a model.

    Args:
        path: The file that `SaveState` has written.
        model: A compiled model with a built optimizer, built in the same way as the saved one.

    Returns:
        The history, a list with a row for each epoch, and the sessions; both empty if there is no file.

    Raises:
        UserError: the file is damaged or belongs to another model.
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
