"""The process and its machine: versions, hardware, threads, and TensorFlow's log messages."""

import importlib.metadata
import logging
import os
import platform

import threadpoolctl

_PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "tensorflow-datasets", "scikit-learn", "matplotlib")


def versions():
    """Returns the versions of Python and of the packages that affect results, by name."""
    installed = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            installed[package] = "not installed"
    return installed


def hardware():
    """Returns the operating system, the processor architecture and the number of processors."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processors": os.cpu_count(),
    }


def use_threads(number):
    """Sets the number of threads within a TensorFlow operation and in the linear algebra of NumPy and SciPy.

    It must be called before TensorFlow's first operation. Sums may differ in their last bits between numbers of
    threads.
    """
    # The import loads the libraries whose threads are limited below.
    import scipy.linalg  # noqa: F401
    import tensorflow as tf

    threadpoolctl.threadpool_limits(number)
    if tf.config.threading.get_intra_op_parallelism_threads() != number:
        tf.config.threading.set_intra_op_parallelism_threads(number)


def threads():
    """Returns the number of threads that `use_threads` has set, or the number of processors if it was not called."""
    import tensorflow as tf

    return tf.config.threading.get_intra_op_parallelism_threads() or processors()


def processors():
    """Returns the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def quiet_tensorflow():
    """Silences TensorFlow's routine messages and keeps its other warnings.

    It must be called before TensorFlow is imported. It silences the page about the machine at the start, the line that
    MirroredStrategy logs for each collective operation, and the warning that functions are traced repeatedly: every
    run and every measurement has a model with functions of its own, each of which TensorFlow traces once.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    logger = logging.getLogger("tensorflow")
    logger.setLevel("WARNING")
    logger.addFilter(_is_not_routine)


def _is_not_routine(record):
    return "triggered tf.function retracing" not in record.getMessage()
