"""The process and the machine it runs on: versions, hardware, threads, and TensorFlow's log."""

import importlib.metadata
import logging
import os
import platform

import threadpoolctl

_PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "tensorflow-datasets", "scikit-learn", "matplotlib")


def versions():
    """Python's version and those of the packages that numbers depend on."""
    installed = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            installed[package] = "not installed"
    return installed


def hardware():
    """Operating system, processor architecture and number of processors, as strings and numbers."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processors": os.cpu_count(),
    }


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


def quiet_tensorflow():
    """Drops what TensorFlow logs as a matter of course; its other warnings stay. To come before TensorFlow is imported.

    That is: its greeting, a page about the machine; MirroredStrategy's word on each of its collectives; and that
    functions are traced again and again: each run and each measurement has a model of its own, and so functions of
    its own, which are traced once.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    logger = logging.getLogger("tensorflow")
    logger.setLevel("WARNING")
    logger.addFilter(_is_news)


def _is_news(record):
    return "triggered tf.function retracing" not in record.getMessage()
