"""Where the passes of one run are computed: on one device, or divided between several by MirroredStrategy."""

import functools

import tensorflow as tf
from absl import logging

from replication import memory
from replication.errors import UserError

# TensorFlow's vectorized operations end the process on memory that begins elsewhere.
_ALIGNMENT = 64


class OneDevice:
    """The device that TensorFlow places operations on."""

    number = 1

    def scope(self):
        """The context in which variables are made."""
        return tf.distribute.get_strategy().scope()

    def share(self, rows):
        """Of a batch of so many rows, those that one memory must hold."""
        return rows

    def place(self, array):
        """An array where the passes are computed."""
        return on_device(array)

    def local(self, placed):
        """Within `run`: what `place` returned, as a tensor on the device that computes."""
        return placed

    def part(self, start, stop):
        """Within `run`: the bounds of the device's part of the rows from `start` to `stop`."""
        return start, stop

    def run(self, function, *arguments):
        """Computes a function on each device."""
        return function(*arguments)

    def total(self, values):
        """The sums over the devices of a nest of tensors that `run` returned."""
        return values

    def joined(self, values):
        """The rows of all devices, in order, of tensors [rows, ...] that `run` returned."""
        return values


class Mirrored:
    """Several devices, each of which computes on a part of every batch.

    Args:
        strategy: A `tf.distribute.MirroredStrategy`.

    Attributes:
        number: Of the devices.
    """

    def __init__(self, strategy):
        self._strategy = strategy
        self.number = strategy.num_replicas_in_sync
        self._own_memory = all("GPU" in name for name in strategy.extended.worker_devices)

    def scope(self):
        """As in `OneDevice`: variables are mirrored on all devices."""
        return self._strategy.scope()

    def share(self, rows):
        """As in `OneDevice`: parts of a processor share its memory."""
        return -(-rows // self.number) if self._own_memory else rows

    def place(self, array):
        """As in `OneDevice`: a copy on each GPU; parts of a processor share one."""
        if self._own_memory:
            return tuple(_on(name, array) for name in self._strategy.extended.worker_devices)
        return (on_device(array),) * self.number

    def local(self, placed):
        """As in `OneDevice`."""
        return placed[_replica()]

    def part(self, start, stop):
        """As in `OneDevice`: parts are of equal size or differ by one row."""
        size = stop - start
        return start + size * _replica() // self.number, start + size * (_replica() + 1) // self.number

    def run(self, function, *arguments):
        """As in `OneDevice`."""
        return self._strategy.run(function, args=arguments)

    def total(self, values):
        """As in `OneDevice`."""
        # Keras's `fit` calls from within the context of one replica, where `Strategy.reduce` refuses to work.
        return tf.nest.map_structure(lambda value: tf.add_n(self._strategy.experimental_local_results(value)), values)

    def joined(self, values):
        """As in `OneDevice`."""
        return tf.concat(self._strategy.experimental_local_results(values), axis=0)


def devices(number=None):
    """The device or devices of a run.

    Args:
        number: Of devices; None for the one that TensorFlow places operations on. The first GPUs, or on a machine
            without any that many equal parts of the processor, to try it out.

    Raises:
        UserError: the machine has fewer GPUs, or the process computes on another number of devices already.
    """
    return OneDevice() if number is None else _mirrored(number)


def available():
    """How many devices this machine has for one run: its GPUs."""
    return len(tf.config.list_physical_devices("GPU"))


def on_device(array):
    """An array as a tensor on the device that TensorFlow places operations on.

    On a processor the tensor shares the array's memory where that can be shared (a memory map of
    `data.load` is one: `tf.convert_to_tensor` would copy it twice). On a GPU it is copied there once;
    an array that does not fit stays in the host's memory, and each batch is copied when its turn comes.

    Args:
        array: NumPy array; it must not change while the tensor is in use.
    """
    if not tf.config.list_logical_devices("GPU"):
        return _shared(array)
    try:
        return tf.convert_to_tensor(array)
    except (tf.errors.ResourceExhaustedError, tf.errors.InternalError) as error:
        if not memory.is_exhaustion(error):
            raise
        logging.warning("%.1f GB of examples do not fit into the GPU's memory; they stay in the host's",
                        array.nbytes / 1e9)
        with tf.device("CPU:0"):
            return _shared(array)


# MirroredStrategy's collectives allow a process one strategy.
@functools.cache
def _mirrored(number):
    if _mirrored.cache_info().currsize:
        raise UserError(f"devices={number}: this process computes on another number of devices already; "
                        "make such a run the first of its process")
    if available():
        if number > available():
            raise UserError(f"devices={number}: this machine has {available()} GPUs")
        names = [f"GPU:{i}" for i in range(number)]
    else:
        names = [f"CPU:{i}" for i in range(number)]
        _divide_processor(number)
    return Mirrored(tf.distribute.MirroredStrategy(names))


def _divide_processor(number):
    processor, = tf.config.list_physical_devices("CPU")
    try:
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * number)
    except RuntimeError:
        if len(tf.config.list_logical_devices("CPU")) < number:
            raise UserError(f"devices={number}: TensorFlow has started with the processor undivided already; "
                            "make such a run the first of its process") from None


def _replica():
    # Each replica is traced on its own: its number is a constant.
    return int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))


def _on(name, array):
    with tf.device(name):
        return tf.convert_to_tensor(array)


def _shared(array):
    if not array.flags.c_contiguous or array.ctypes.data % _ALIGNMENT:
        return tf.convert_to_tensor(array)
    view = array.view()
    try:
        # DLPack has no word for read-only. Nothing writes to a tensor.
        view.flags.writeable = True
        return tf.experimental.dlpack.from_dlpack(view.__dlpack__())
    except (ValueError, BufferError):
        return tf.convert_to_tensor(array)
