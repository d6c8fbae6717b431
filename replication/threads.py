"""How many threads a process computes with."""

import os

import threadpoolctl


def use_threads(number):
    """Lets TensorFlow compute with so many threads within an operation, and NumPy and SciPy in linear algebra.

    To come before TensorFlow's first operation. Sums of other numbers of threads may differ in their last bits.
    """
    # Loaded, so that its libraries are there to be limited.
    import scipy.linalg  # noqa: F401
    import tensorflow as tf

    threadpoolctl.threadpool_limits(number)
    if tf.config.threading.get_intra_op_parallelism_threads() != number:
        tf.config.threading.set_intra_op_parallelism_threads(number)


def threads():
    """How many `use_threads` has set; all processors where it has set none."""
    import tensorflow as tf

    return tf.config.threading.get_intra_op_parallelism_threads() or processors()


def processors():
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
