"""Arrays where the network computes, without a second copy in memory."""

from absl import logging

# TensorFlow's vectorized operations end the process on memory that begins elsewhere.
_ALIGNMENT = 64


def on_device(array):
    """An array as a tensor on the device that TensorFlow places operations on.

    On a processor the tensor shares the array's memory where that can be shared (a memory map of
    `data.load` is one: `tf.convert_to_tensor` would copy it twice). On a GPU it is copied there once;
    an array that does not fit stays in the host's memory, and each batch is copied when its turn comes.

    Args:
        array: NumPy array; it must not change while the tensor is in use.
    """
    # Data are loaded, and reports drawn, without TensorFlow.
    import tensorflow as tf

    from replication import memory

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


def _shared(array):
    import tensorflow as tf

    if not array.flags.c_contiguous or array.ctypes.data % _ALIGNMENT:
        return tf.convert_to_tensor(array)
    view = array.view()
    try:
        # DLPack has no word for read-only. Nothing writes to a tensor.
        view.flags.writeable = True
        return tf.experimental.dlpack.from_dlpack(view.__dlpack__())
    except (ValueError, BufferError):
        return tf.convert_to_tensor(array)
