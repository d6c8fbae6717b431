"""Bit-identical repeats of any network: op determinism and one thread within an operation."""

import tensorflow as tf

from replication.errors import UserError


def make_deterministic():
    """Sets this process to TensorFlow's op determinism and a single intra-op thread.

    A convolutional `fit` on two threads does not repeat by op determinism alone.

    Raises:
        UserError: TensorFlow has computed something with more threads already in this process.
    """
    if tf.config.threading.get_intra_op_parallelism_threads() != 1:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(1)
        except RuntimeError:
            raise UserError("deterministic: TensorFlow has started with more than one thread already; "
                            "make such a run the first of its process") from None
    tf.config.experimental.enable_op_determinism()
