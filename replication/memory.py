"""Estimates of memory, which end a run with one line before the system ends the process."""

import contextlib
import math
import pathlib

import keras
import psutil
import tensorflow as tf

from models.recomputation import Recomputing, can_recompute, recomputes, split
from replication.errors import DoesNotFitError

# What a product with the Hessian takes of a gradient's memory; measured with C1: 2.55.
SECOND_DERIVATIVES = 2.6
_CGROUP = pathlib.Path("/sys/fs/cgroup")
_MEMBERSHIP = pathlib.Path("/proc/self/cgroup")


def peak_bytes(model):
    """Returns an upper bound of the memory for one example in a forward and backward pass, in bytes.

    It is the size of all layer outputs, plus the gradient and the workspace of the largest. Measured peaks in training
    F1, F2, C1 and C2 are 0.72 to 0.9 of it. Of a network that recomputes activations, it is that of the block which
    takes most, with a copy more of its largest output, plus the outputs of the other blocks; C2's measured peaks are
    0.86 to 0.91 of it.

    Args:
        model: A built `keras.Model`. A model that is not a graph of layers counts as 0.
    """
    if isinstance(model, Recomputing) and recomputes(model):
        return _recomputing_bytes(model)
    return _bytes(_output_bytes(model))


def available():
    """Returns how many bytes of main memory this process can still use, within the limits of its control groups."""
    return min([psutil.virtual_memory().available, *_left_by_control_groups()])


@contextlib.contextmanager
def guard(model, batch_size, name="batch_size", *, held=None, backward=True, factor=1.0, recomputable=True,
          is_in_use=lambda: True, estimated=True):
    """Raises a DoesNotFitError with an estimate of what would fit if the batches of a block do not fit into memory.

    Splitting batches is no alternative for the networks of the paper, because it changes the batch statistics.

    Args:
        model: A built `keras.Model` that processes the batches.
        batch_size: Number of examples in the largest batch.
        name: Name of the batch size in the message, default "batch_size".
        held: Number of examples whose activations the block holds at the same time; None (default) for a batch.
        backward: Whether the block computes gradients (default); a forward pass holds the outputs of two layers only.
        factor: What the block takes of a gradient's memory, default 1, or SECOND_DERIVATIVES.
        recomputable: Whether the block could recompute activations, if the model can (default), which is then advised.
        is_in_use: Function that returns whether the block is processing these batches when memory runs out. A block
            that also processes batches of another size needs it; by default always true.
        estimated: Whether the estimate is compared with what is free (default); a block like one that fitted needs
            none, as memory that TensorFlow keeps would look taken.

    Raises:
        DoesNotFitError: the estimated activations exceed the main memory, before the block begins; or the memory of a
            GPU was exhausted within the block.
    """
    each = math.ceil(factor * peak_bytes(model)) if backward else sum(sorted(_output_bytes(model))[-2:])
    in_one = recomputable and backward and held in (None, batch_size)
    if held is not None:
        each = each * held // batch_size
    if estimated and not tf.config.list_logical_devices("GPU") and each * batch_size > available():
        raise _too_large(model, batch_size, name, each, available(), in_one)
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.InternalError) as error:
        if not is_exhaustion(error) or not is_in_use():
            raise
        device = tf.config.list_logical_devices("GPU")
        room = tf.config.experimental.get_memory_info(device[0].name)["peak"] if device else available()
        raise _too_large(model, batch_size, name, each, room, in_one) from None


def is_exhaustion(error):
    """Returns whether an error of TensorFlow means that memory is exhausted."""
    # A failed copy to a GPU raises an InternalError.
    return (isinstance(error, tf.errors.ResourceExhaustedError)
            or isinstance(error, tf.errors.InternalError) and "Dst tensor" in str(error))


def _bytes(sizes):
    """Returns the bytes that layers with outputs of these sizes take in a forward and backward pass."""
    return sum(sizes) + 2 * max(sizes, default=0)


def _recomputing_bytes(model):
    """Returns the bytes for one example in a forward and backward pass that recomputes activations."""
    blocks = [_sizes(layer.output for layer in block) for block in split(model.layers)]
    kept = [block[-1] if block else 0 for block in blocks]
    return max(sum(kept) - own + _bytes(block) + max(block, default=0) for own, block in zip(kept, blocks))


def _output_bytes(model):
    """Returns the bytes for one example of each layer's output."""
    return _sizes(_outputs(model))


def _sizes(tensors):
    """Returns the bytes for one example of those tensors whose shape is known."""
    return [math.prod(tensor.shape[1:]) * tf.as_dtype(tensor.dtype).size
            for tensor in tensors if None not in tensor.shape[1:]]


def _outputs(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _outputs(layer)
        else:
            # A layer that no graph has called has no output.
            yield from tf.nest.flatten(getattr(layer, "output", ()))


def _left_by_control_groups():
    """Yields the bytes that each limit leaves, of the process's control group and its parents, version 2 or 1."""
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
    # In a container the path may be that of the host, of which only the root is visible.
    for folder in (group, *group.parents):
        # A group without a limit says "max", or has no file.
        with contextlib.suppress(OSError, ValueError, KeyError):
            statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            # The system frees the file cache when memory is short.
            yield int((folder / limit).read_text()) - int((folder / usage).read_text()) + int(statistics[cache])


def _too_large(model, batch_size, name, each, room, in_one):
    room = max(room, 0)
    fitting = room // each if each else batch_size
    # If a device's memory was exhausted in spite of the estimate, the estimated size was tried already.
    advice = ("not even one fits" if not fitting else
              f"about {fitting} would fit" if fitting < batch_size else "try a smaller one")
    if in_one and not isinstance(model, Recomputing) and can_recompute(model):
        recomputed = _recomputing_bytes(model) * batch_size
        if recomputed <= room:
            advice += (f"; a gradient that recomputes them (--recompute of train and reproduce, models.Recomputing) "
                       f"takes {recomputed / 1e9:.1f} GB")
    return DoesNotFitError(
        f"{name}={batch_size}: the activations of {model.name} do not fit into memory: they take up to "
        f"{each / 1e6:.2g} MB per example, {each * batch_size / 1e9:.1f} GB in all, and {room / 1e9:.1f} GB are "
        f"available; {advice}")
