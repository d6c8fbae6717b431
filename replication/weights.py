"""A run's network, its weights on disk, and its trainable weights as one vector x."""

import dataclasses
import os
import zipfile

import keras
import numpy as np

import models
from models.recomputation import can_recompute
from replication import catalog, files
from replication.errors import UserError, one_line, require

_PAGE = """# {name}

The minimizer of {run.network}, regime {run.regime}, trial {run.trial}, trained on {data} in batches of \
{run.batch_size}. It maps inputs of shape {shape} to probabilities of {classes} classes. Batch normalization uses \
{normalization}. The SHA-256 of the weights it was made of, final.weights.h5, is {checksum}.

    import keras
{needed}
    model = keras.models.load_model("final.keras")
"""

# An upper bound of what HDF5 writes in addition to the weights.
_HDF5_BYTES = 1_000_000


def load_minimizer(record):
    """Builds the network of a finished run with its final weights, the minimizer x*.

    Args:
        record: A `records.RunRecord`.

    Returns:
        A built `keras.Model` that normalizes by the statistics of the run's configuration.

    Raises:
        UserError: the weights are missing or damaged.
    """
    network = build_network(record.configuration)
    load_weights(network, record.minimizer)
    return network


def export_keras(record):
    """Writes the minimizer of a finished run as a .keras file, with a page that tells how to load it.

    With moving averages all layers are Keras's own, and the file loads without this package. With the statistics of
    the batch, loading needs the layer of the package `models`. Files that are there stay as they are.

    Args:
        record: A finished `records.RunRecord`.

    Raises:
        UserError: the weights are missing or damaged.
    """
    # Another process that takes the lock removes temporary files.
    with record.lock(wait=True):
        if not (record.exported_page.exists() and record.exported_model.exists()):
            _export(record)


def _export(record):
    # The class of a recomputing network is ours, and the file is to load without it.
    run = dataclasses.replace(record.configuration, recompute=False)
    network = build_network(run)
    load_weights(network, record.minimizer)
    if run.statistics == "moving":
        network = _with_layers_of_keras(network)
    with files.replacing(record.exported_model) as temporary:
        network.save(temporary)
    needed = "" if run.statistics == "moving" else "    import models    # its layer normalizes by the batch\n"
    normalization = ("the moving averages of training" if run.statistics == "moving" else
                     "the statistics of the batch, as in the authors' code, so that the output for an example depends "
                     "on its batch")
    files.write_text(record.exported_page, _PAGE.format(
        run=run, name=record.name, needed=needed, normalization=normalization, shape=network.input_shape[1:],
        data=catalog.dataset_label(run.dataset), classes=network.output_shape[-1], checksum=record.minimizer.checksum))


def in_double_precision(network):
    """Returns a copy of a functional `keras.Model` whose layers compute in float64, with the same weights."""
    return _copy(network, lambda layer: layer.__class__.from_config({**layer.get_config(), "dtype": "float64"}))


def _with_layers_of_keras(network):
    def clone(layer):
        config = layer.get_config()
        if not isinstance(layer, models.BatchNormalization):
            return layer.__class__.from_config(config)
        config.pop("statistics")
        return keras.layers.BatchNormalization.from_config(config)

    return _copy(network, clone)


def _copy(network, clone):
    copy = keras.models.clone_model(network, clone_function=clone)
    copy.set_weights(network.get_weights())
    return copy


def load_weights(network, point):
    """Loads weights that a run has saved into its network.

    Args:
        network: The network, as `build_network` returns it for the run.
        point: The `records.folder.WeightsRecord` of x_0, of an iterate or of the minimizer.

    Raises:
        UserError: the weights are missing or damaged.
    """
    if not point.weights.exists():
        raise UserError(f"{point.weights}: not there; this record came without its weights; {point.remedy}")
    point.check()
    network.load_weights(point.weights)


def save_weights(network, path):
    """Writes a network's weights atomically, in Keras's format.

    Raises:
        OSError: the weights cannot be written; its `filename` and `strerror` tell where and why.
    """
    with files.replacing(path) as temporary:
        files.require_room(temporary, sum(weight.nbytes for weight in network.get_weights()) + _HDF5_BYTES)
        try:
            network.save_weights(temporary)
        except RuntimeError as error:
            # HDF5 raises it, for example when it closes a file, without the reason that the system gave.
            raise OSError(str(error).strip().splitlines()[0]) from error


def build_network(run, *, statistics=None):
    """Builds the network of a run with its initial weights x_0, which the trial decides.

    Args:
        run: A `configuration.Run`.
        statistics: The statistics that normalization uses in evaluation, "batch" or "moving"; by default the run's.

    Raises:
        UserError: it is to recompute activations, which a network of the user's own may not be able to.
    """
    dataset = catalog.DATASETS[run.dataset]
    network = models.build(
        run.network, statistics=statistics or run.statistics, architecture=run.architecture, seed=run.trial,
        input_shape=dataset.input_shape, classes=run.classes or dataset.classes, precision=run.precision,
        dropout=run.dropout, kernel_initializer=run.kernel_initializer, normalization_epsilon=run.normalization_epsilon,
        kernel_scale=run.kernel_scale, normalized=not run.without_normalization)
    if not run.recompute:
        return network
    require(can_recompute(network), "recompute", True, f"false, {run.network} is no chain of two convolutions or more")
    return models.Recomputing(network.inputs, network.outputs, name=network.name)


def load_model(path, *, compile=False):
    """Loads a user's model from a .keras file without running code from the file.

    Args:
        path: The file.
        compile: Whether to compile it with the loss and the optimizer that it was saved with, default False.

    Raises:
        UserError: the file is missing or is not a Keras model.
    """
    if not zipfile.is_zipfile(path) or not str(path).endswith(".keras"):
        reason = "no archive that ends in .keras" if os.path.exists(path) else "no such file"
        raise UserError(f"--model={path}: not a Keras model that can be loaded ({reason})")
    try:
        return keras.saving.load_model(path, compile=compile, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"--model={path}: not a Keras model that can be loaded ({one_line(error)})") from None


def flatten_weights(network):
    """Returns x, float64 [n]: the trainable weights of a `keras.Model`, concatenated in the model's order."""
    return np.concatenate([v.numpy().astype(np.float64).reshape(-1) for v in network.trainable_variables])


def assign_weights(network, x):
    """Sets the trainable weights of a `keras.Model` to x, float64 [n]."""
    sizes = [int(np.prod(v.shape)) for v in network.trainable_variables]
    for variable, values in zip(network.trainable_variables, np.split(x, np.cumsum(sizes)[:-1])):
        variable.assign(values.reshape(variable.shape))
