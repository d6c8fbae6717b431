"""Says in one line that a batch does not fit into memory, before the system ends the process for it."""

import contextlib
import math
import pathlib

import keras
import psutil
import tensorflow as tf

from replication.errors import UserError

_CGROUP = pathlib.Path("/sys/fs/cgroup")
_MEMBERSHIP = pathlib.Path("/proc/self/cgroup")


def activation_bytes(model):
    """About what backpropagation keeps of one example: the outputs of all layers, in bytes.

    Args:
        model: A built `keras.Model`. Of one that is no graph of layers nothing is known: 0.
    """
    return sum(_sizes(model))


def peak_bytes(model):
    """What a pass forward and back takes of one example at most, in bytes; `model` as in `activation_bytes`.

    To the outputs of all layers come the gradient and the workspace of the largest. Measured peaks of training F1, F2,
    C1 and C2 are 0.76 to 0.9 of it.
    """
    return sum(sizes := _sizes(model)) + 2 * max(sizes, default=0)


def _sizes(model):
    return [math.prod(tensor.shape[1:]) * tf.as_dtype(tensor.dtype).size
            for tensor in _outputs(model) if None not in tensor.shape[1:]]


def _outputs(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _outputs(layer)
        else:
            # A layer that no graph has called has no output.
            yield from tf.nest.flatten(getattr(layer, "output", ()))


def available():
    """Bytes of main memory that this process can still take, under the limits of its control groups."""
    return min([psutil.virtual_memory().available, *_left_by_control_groups()])


def _left_by_control_groups():
    """Yields what each limit leaves: of the process's group and of those around it, of cgroups version 2 or 1."""
    membership = _MEMBERSHIP.read_text().splitlines() if _MEMBERSHIP.exists() else []
    for line in membership:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _left(_CGROUP, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            yield from _left(_CGROUP / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes",
                             "total_inactive_file")


def _left(root, path, limit, usage, cache):
    group = root / path.strip("/")
    # In a container the path may be the host's, of which nothing but the root is to be seen.
    for folder in (group, *group.parents):
        # A group without a limit says "max", or has no file.
        with contextlib.suppress(OSError, ValueError, KeyError):
            statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            # The cache of files is given back when memory is short.
            yield int((folder / limit).read_text()) - int((folder / usage).read_text()) + int(statistics[cache])


@contextlib.contextmanager
def fitting(model, batch_size, name="batch_size", *, backward=True, is_in_use=lambda: True):
    """A block in which `model` passes batches.

    Micro-batches are no way out for the networks of the paper: they have other batch statistics.

    Args:
        model: A built `keras.Model`.
        batch_size: Examples of the largest batch.
        name: What the user calls it.
        backward: Whether the passes go back as well: one that does not holds two outputs of layers at a time.
        is_in_use: Function that tells, of a block with batches of other sizes too, whether one of these is passed.

    Raises:
        UserError: the activations exceed the main memory by the estimate, before the block begins; or a
            GPU's memory was exhausted in it. The message estimates what would fit.
    """
    each = peak_bytes(model) if backward else sum(sorted(_sizes(model))[-2:])
    if not tf.config.list_logical_devices("GPU") and each * batch_size > available():
        raise _too_large(model, batch_size, name, each, available())
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.InternalError) as error:
        if not is_exhaustion(error) or not is_in_use():
            raise
        device = tf.config.list_logical_devices("GPU")
        room = tf.config.experimental.get_memory_info(device[0].name)["peak"] if device else available()
        raise _too_large(model, batch_size, name, each, room) from None


def is_exhaustion(error):
    """Whether an error of TensorFlow's says that memory was exhausted; of a copy to a GPU it is an InternalError."""
    return (isinstance(error, tf.errors.ResourceExhaustedError)
            or isinstance(error, tf.errors.InternalError) and "Dst tensor" in str(error))


def _too_large(model, batch_size, name, each, room):
    room = max(room, 0)
    fitting_size = room // each if each else batch_size
    # What the estimate says that would fit was tried in vain where a device's memory was exhausted nevertheless.
    estimate = ("not even one fits" if not fitting_size else
                f"about {fitting_size} would fit" if fitting_size < batch_size else "try a smaller one")
    return UserError(
        f"{name}={batch_size}: the activations of {model.name} do not fit into memory, up to {each / 1e6:.2g} MB an "
        f"example, {each * batch_size / 1e9:.1f} GB in all, with {room / 1e9:.1f} GB to be had; {estimate}")
