"""A run's network, its weights on disk, and its trainable weights as one vector x."""

import os
import zipfile

import keras
import numpy as np

import models
from replication import catalog, files
from replication.errors import UserError

# More than HDF5 takes beside the weights.
_HDF5_BYTES = 1_000_000


def load_minimizer(record):
    """The network of a finished run at its minimizer x*.

    Args:
        record: A `records.RunRecord`.

    Returns:
        A built `keras.Model`, normalizing by the statistics of the run's configuration.

    Raises:
        UserError: the weights are not there, or damaged.
    """
    network = build_network(record.configuration)
    load_weights(network, record.minimizer)
    return network


def load_weights(network, point):
    """Puts weights that a run has left into its network.

    Args:
        network: As `build_network` makes it of the run.
        point: A `records.WeightsRecord`: an iterate, x_0 or the minimizer.

    Raises:
        UserError: the weights are not there, or damaged.
    """
    if not point.weights.exists():
        raise UserError(f"{point.weights}: not there; this record came without its weights")
    point.check()
    network.load_weights(point.weights)


def save_weights(network, path):
    """Writes a network's weights in Keras's format, atomically.

    Raises:
        OSError: they cannot be written; its `filename` and `strerror` tell where and why.
    """
    with files.replacing(path) as temporary:
        files.require_room(temporary, sum(weight.nbytes for weight in network.get_weights()) + _HDF5_BYTES)
        try:
            network.save_weights(temporary)
        except RuntimeError as error:
            # Of HDF5, as when it closes a file; it tells no reason of the system's.
            raise OSError(str(error).strip().splitlines()[0]) from error


def build_network(run, *, statistics=None):
    """The network of a run at its starting point x_0, which the trial decides.

    Args:
        run: A `configuration.Run`.
        statistics: As in `models.build`; None for those of the run.
    """
    dataset = catalog.DATASETS[run.dataset]
    return models.build(run.network, statistics=statistics or run.statistics, architecture=run.architecture,
                        seed=run.trial, input_shape=dataset.input_shape, classes=run.classes or dataset.classes,
                        precision=run.precision, dropout=run.dropout)


def load_model(path):
    """A user's model from a .keras file; code in the file is not run.

    Raises:
        UserError: the file is absent or is no Keras model.
    """
    if not zipfile.is_zipfile(path) or not str(path).endswith(".keras"):
        reason = "no archive that ends in .keras" if os.path.exists(path) else "no such file"
        raise UserError(f"--model={path}: not a Keras model that can be loaded ({reason})")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"--model={path}: not a Keras model that can be loaded ({reason})") from None


def flatten_weights(model):
    """x, float64 [n]: the trainable weights of `model` one after the other, in the model's order."""
    return np.concatenate([v.numpy().astype(np.float64).reshape(-1) for v in model.trainable_variables])


def assign_weights(model, x):
    """Puts a vector x, float64 [n], into the trainable weights of `model`."""
    parts = np.split(x, np.cumsum([int(np.prod(v.shape)) for v in model.trainable_variables])[:-1])
    for variable, part in zip(model.trainable_variables, parts):
        variable.assign(part.reshape(variable.shape))
