"""Says in one line that a batch does not fit into memory, before the system ends the process for it."""

import contextlib
import math
import pathlib

import keras
import psutil
import tensorflow as tf

from replication.errors import UserError

_CGROUP = pathlib.Path("/sys/fs/cgroup")


def activation_bytes(model):
    """About what backpropagation keeps of one example: the outputs of all layers, in bytes.

    Measured peaks of C1, C2 and F1 in training are 0.8 to 1.45 times as large.

    Args:
        model: A built `keras.Model`. Of one that is no graph of layers nothing is known: 0.
    """
    sizes = [math.prod(tensor.shape[1:]) * tf.as_dtype(tensor.dtype).size
             for tensor in _outputs(model) if None not in tensor.shape[1:]]
    return sum(sizes)


def _outputs(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _outputs(layer)
        else:
            # A layer that no graph has called has no output.
            yield from tf.nest.flatten(getattr(layer, "output", ()))


def available():
    """Bytes of main memory that this process can still take, under the limit of its control group."""
    free = psutil.virtual_memory().available
    with contextlib.suppress(OSError, ValueError, KeyError):
        limit = int((_CGROUP / "memory.max").read_text())
        statistics = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        # The cache of files is given back when memory is short.
        free = min(free, limit - int((_CGROUP / "memory.current").read_text()) + int(statistics["inactive_file"]))
    return free


@contextlib.contextmanager
def fitting(model, batch_size, name="batch_size"):
    """A block in which `model` passes batches forward and back.

    Micro-batches are no way out for the networks of the paper: they have other batch statistics.

    Args:
        model: A built `keras.Model`.
        batch_size: Examples of the largest batch.
        name: What the user calls it.

    Raises:
        UserError: the activations exceed the main memory by the estimate, before the block begins; or a
            GPU's memory was exhausted in it. The message estimates what would fit.
    """
    each = activation_bytes(model)
    if not tf.config.list_logical_devices("GPU") and each * batch_size > available():
        raise _too_large(model, batch_size, name, each, available())
    try:
        yield
    except tf.errors.ResourceExhaustedError:
        device = tf.config.list_logical_devices("GPU")
        room = tf.config.experimental.get_memory_info(device[0].name)["peak"] if device else available()
        raise _too_large(model, batch_size, name, each, room) from None


def _too_large(model, batch_size, name, each, room):
    estimate = f"about {room // each} would fit" if each else "try a smaller one"
    return UserError(
        f"{name}={batch_size}: the activations of {model.name} do not fit into memory, about {each / 1e6:.2g} MB an "
        f"example, {each * batch_size / 1e9:.1f} GB in all, with {room / 1e9:.1f} GB to be had; {estimate}")
