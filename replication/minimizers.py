"""Brings the networks of finished runs back from disk."""

import keras

import models
from replication import configuration
from replication.errors import UserError


def load_minimizer(record):
    """The network of a finished run at its minimizer x*.

    Args:
        record: A `records.RunRecord`.

    Returns:
        A built `keras.Model`, normalizing by the statistics of the run's configuration.

    Raises:
        UserError: the weights are not there, or a file of the record is damaged.
    """
    record.check()
    if not record.final_weights.exists():
        raise UserError(f"{record.final_weights}: not there; this record came without its weights")
    model = build_network(record.configuration)
    model.load_weights(record.final_weights)
    return model


def build_network(run):
    """The network of a run at its starting point x_0, which the trial decides.

    Args:
        run: A `configuration.Run`.
    """
    dataset = configuration.DATASETS[run.dataset]
    return models.build(run.network, statistics=run.statistics, architecture=run.architecture, seed=run.trial,
                        input_shape=dataset.input_shape, classes=run.classes or dataset.classes)


def load_model(path):
    """A user's model from a .keras file; code in the file is not run.

    Raises:
        UserError: the file is absent or is no Keras model.
    """
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"--model={path}: not a Keras model that can be loaded ({reason})") from None
