"""The devices that compute a run: one device, or several that MirroredStrategy divides every batch between."""

import contextlib
import functools

import tensorflow as tf
from absl import logging

from replication import memory
from replication.errors import UserError

# TensorFlow's vectorized operations end the process if the memory of an array begins elsewhere.
_ALIGNMENT = 64


class OneDevice:
    """The device that TensorFlow places operations on.

    Attributes:
        number: Number of devices, 1.
    """

    number = 1

    def scope(self):
        """Returns the context in which variables are created."""
        return tf.distribute.get_strategy().scope()

    def rows_per_memory(self, batch_size):
        """Returns how many rows of a batch one memory must hold: all."""
        return batch_size

    def to_device(self, array):
        """Returns an array as a tensor on the device."""
        return as_tensor(array)

    def local_copy(self, copies):
        """Returns the device's own tensor of what `to_device` returned; called within `run`."""
        return copies

    def shard(self, start, stop):
        """Returns the first row and the end of the device's shard of rows `start` to `stop`; called within `run`."""
        return start, stop

    def run(self, function, *arguments):
        """Calls a function once on each device."""
        return function(*arguments)

    def total(self, values):
        """Returns the sums over all devices of nested tensors that `run` returned."""
        return values

    def gather_rows(self, values):
        """Concatenates tensors [rows, ...] that `run` returned, in the order of the devices."""
        return values


class Mirrored:
    """Several devices, each of which computes a shard of every batch. The methods are those of `OneDevice`.

    Args:
        strategy: A `tf.distribute.MirroredStrategy`.

    Attributes:
        number: Number of devices.
    """

    def __init__(self, strategy):
        self._strategy = strategy
        self.number = strategy.num_replicas_in_sync
        self._own_memory = all("GPU" in name for name in strategy.extended.worker_devices)

    def scope(self):
        """Returns the context in which variables are created, with a mirror on each device."""
        return self._strategy.scope()

    def rows_per_memory(self, batch_size):
        """Returns how many rows of a batch one memory must hold: a shard on a GPU; parts of a CPU share its memory."""
        return -(-batch_size // self.number) if self._own_memory else batch_size

    def to_device(self, array):
        """Returns an array as one tensor per device: a copy on each GPU; parts of a CPU share one tensor."""
        if self._own_memory:
            return tuple(_copy_to(name, array) for name in self._strategy.extended.worker_devices)
        return (as_tensor(array),) * self.number

    def local_copy(self, copies):
        """Returns the current device's tensor of those that `to_device` returned; called within `run`."""
        return copies[_replica()]

    def shard(self, start, stop):
        """Returns the first row and the end of the current device's shard of rows `start` to `stop`.

        Shards differ in size by at most one row. It is called within `run`.
        """
        size = stop - start
        return start + size * _replica() // self.number, start + size * (_replica() + 1) // self.number

    def run(self, function, *arguments):
        """Calls a function once on each device."""
        return self._strategy.run(function, args=arguments)

    def total(self, values):
        """Returns the sums over all devices of nested tensors that `run` returned."""
        # Keras's `fit` calls this within the context of one replica, where `Strategy.reduce` is not allowed.
        return tf.nest.map_structure(lambda value: tf.add_n(self._strategy.experimental_local_results(value)), values)

    def gather_rows(self, values):
        """Concatenates tensors [rows, ...] that `run` returned, in the order of the devices."""
        return tf.concat(self._strategy.experimental_local_results(values), axis=0)


def devices(number=None):
    """Returns the device or the devices of a run.

    Args:
        number: Number of devices, or None (default) for the one device that TensorFlow places operations on. The
            devices are the first GPUs; without a GPU they are equal parts of the CPU, for testing.

    Raises:
        UserError: the machine has fewer GPUs, or this process already computes on another number of devices.
    """
    return OneDevice() if number is None else _mirrored(number)


def available():
    """Returns the number of GPUs of this machine."""
    return len(tf.config.list_physical_devices("GPU"))


def as_tensor(array):
    """Returns an array as a tensor on the device that TensorFlow places operations on.

    On a CPU the tensor shares the memory of the array if possible. A memory map from `data.load` can be shared, whereas
    `tf.convert_to_tensor` would copy it twice. A GPU gets one copy. An array that does not fit into its memory stays in
    the host's memory, and each batch is copied when it is needed.

    Args:
        array: NumPy array, which must not change while the tensor is in use.
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


# The collective operations of MirroredStrategy allow one strategy per process.
@functools.cache
def _mirrored(number):
    if _mirrored.cache_info().currsize:
        raise UserError(f"devices={number}: this process already computes on another number of devices; begin a "
                        "new process with this run")
    if available():
        if number > available():
            raise UserError(f"devices={number}: this machine has {available()} GPUs")
        names = [f"GPU:{i}" for i in range(number)]
    else:
        names = [f"CPU:{i}" for i in range(number)]
        _divide_cpu(number)
    return Mirrored(tf.distribute.MirroredStrategy(names))


def _divide_cpu(number):
    cpu, = tf.config.list_physical_devices("CPU")
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * number)
    except RuntimeError:
        if len(tf.config.list_logical_devices("CPU")) < number:
            raise UserError(f"devices={number}: TensorFlow has already started with the CPU undivided; begin a "
                            "new process with this run") from None


def _replica():
    # Each replica is traced separately, so that its number is a constant.
    return int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))


def _copy_to(name, array):
    with tf.device(name):
        return tf.convert_to_tensor(array)


def _shared(array):
    if not array.flags.c_contiguous or array.ctypes.data % _ALIGNMENT:
        return tf.convert_to_tensor(array)
    view = array.view()
    try:
        # DLPack cannot mark memory as read-only, but nothing writes to a tensor.
        view.flags.writeable = True
        return tf.experimental.dlpack.from_dlpack(view.__dlpack__())
    except (ValueError, BufferError):
        return tf.convert_to_tensor(array)


@contextlib.contextmanager
def full_precision():
    """Switches TensorFloat-32 off, with which GPUs round the factors of float32 products to 11 bits, as float16 has."""
    enabled = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(enabled)
