"""The process and its machine: versions, hardware, threads, and log messages."""

import contextlib
import functools
import glob
import importlib.abc
import importlib.metadata
import importlib.util
import logging
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

import threadpoolctl
from absl import logging as absl_logging

from replication import __version__

_PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "tensorflow-datasets", "scikit-learn", "matplotlib")

# Parts of the lines that TensorFlow 2.21 writes to stderr at its import and when it looks for GPUs.
_GREETING = (b"All log messages before absl::InitializeLog()", b"oneDNN custom operations are on.",
             b"This TensorFlow binary is optimized to use available CPU instructions",
             b"To enable the following instructions:")
_CLEAR_LINE = "\r\x1b[K"
_ABSENT_GPU = (b"Could not find cuda drivers on your machine", b"failed call to cuInit")


def versions():
    """Returns the versions of this package, of Python and of the packages that affect results, by name.

    That of this package is followed by its commit in a checkout of git, and by "modified" if files differ from that.
    """
    return {"replication": _own_version(), "python": platform.python_version(),
            **{package: _installed_version(package) for package in _PACKAGES}}


# Reading the metadata takes as long as a measurement of a small model.
@functools.cache
def _installed_version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def hardware():
    """Returns the operating system, the architecture, model and number of processors, and the models of GPUs.

    "onednn" says whether TensorFlow computes with oneDNN's operations on processors, which round differently.
    """
    found = {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor_model(),
        "processors": os.cpu_count(),
    }
    # A process without TensorFlow computes nothing on them.
    if tensorflow := sys.modules.get("tensorflow"):
        config = tensorflow.config
        found["gpus"] = [config.experimental.get_device_details(device).get("device_name", "unknown")
                         for device in config.list_physical_devices("GPU")]
        found["onednn"] = _uses_onednn()
    return found


def _uses_onednn():
    """Returns whether TensorFlow uses oneDNN; None if it does not tell, as no public function of it does."""
    try:
        from tensorflow.python.util import _pywrap_util_port

        return _pywrap_util_port.IsMklEnabled()
    except (ImportError, AttributeError):
        return None


@functools.cache
def _own_version():
    folder = pathlib.Path(__file__).parents[1]

    def git(*arguments):
        return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True,
                              timeout=10).stdout.strip()

    try:
        # Not the commit of a repository that merely contains an installed copy.
        if not (folder / ".git").exists():
            return __version__
        modified = ", modified" if git("status", "--porcelain", "--untracked-files=no") else ""
        return f"{__version__} (commit {git('rev-parse', '--short=12', 'HEAD')}{modified})"
    except (OSError, subprocess.SubprocessError):
        return __version__


@functools.cache
def _processor_model():
    """Returns the model of the processor as Linux knows it, or as Python does elsewhere.

    Hypervisors hide the full name: family and model tell generations apart, which have different instructions and
    therefore round sums differently.
    """
    known = _processor()
    if "model name" not in known:
        return platform.processor() or "unknown"
    numbers = ", ".join(f"{title} {known[name]}" for name, title in (("cpu family", "family"), ("model", "model"))
                        if name in known)
    return f"{known['model name']} ({numbers})" if numbers else known["model name"]


def _processor():
    """Returns what Linux tells of the first processor, as text by the name of the field; elsewhere nothing."""
    known = {}
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition(":")
            known.setdefault(name.strip(), value.strip())
    return known


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
    """Returns the number of processors that this process may use, by its affinity and the quota of its control group.

    A limit of Kubernetes or Docker is a quota, which TensorFlow does not see.
    """
    import joblib

    return joblib.cpu_count()


def share_of_processors(processes):
    """Returns the number of threads of each of some processes that divide the `processors`, at least 1."""
    return max(1, processors() // processes)


def _visible_processors():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def log_plainly():
    """Makes absl's log plain lines: the message, behind "warning: " or "error: " if it is one."""
    absl_logging.use_absl_handler()
    absl_logging.get_absl_handler().setFormatter(_PlainFormatter())


def prepare_tensorflow():
    """Settles what TensorFlow reads at its import: its messages, its threads, and the operations of processors.

    It must be called before TensorFlow is imported.

    It silences routine messages and keeps warnings: the greeting at the import, the line that MirroredStrategy logs for
    each collective operation, and the warning that functions are traced repeatedly, as every run and every measurement
    has a model with functions of its own, each of which TensorFlow traces once. It limits the threads to `processors`,
    and calls `use_onednn`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    use_onednn()
    logger = logging.getLogger("tensorflow")
    logger.setLevel("WARNING")
    logger.addFilter(_is_not_routine)
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietImport())


def use_onednn():
    """Turns oneDNN's operations on, before TensorFlow is imported, unless TF_ENABLE_ONEDNN_OPTS says otherwise.

    On x86, TensorFlow does so by itself only where the processor has instructions for neural networks, such as AVX-512
    VNNI. On one with AVX2 alone, f and its gradient took C1 more than twice as long without them.
    """
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def find_devices():
    """Has TensorFlow look for GPUs, without its messages about GPUs that the machine does not have."""
    import tensorflow as tf

    with _without_greeting():
        tf.config.list_physical_devices()


class _PlainFormatter(logging.Formatter):
    def format(self, record):
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        # On a terminal a progress bar may stand on the line, of this process or of the one that started it.
        return (_CLEAR_LINE if sys.stderr.isatty() and os.name == "posix" else "") + level + super().format(record)


class _QuietImport(importlib.abc.MetaPathFinder):
    """Has the first import of TensorFlow leave out its greeting, which no setting of TensorFlow turns off.

    If a quota allows fewer processors than the process sees, TensorFlow gets as many threads as it allows.
    """

    def find_spec(self, name, path, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                with _without_greeting():
                    execute(module)
                if processors() < _visible_processors():
                    use_threads(processors())

            spec.loader.exec_module = exec_module
        return spec


@contextlib.contextmanager
def _without_greeting():
    """Opens a block whose output on the file descriptor of stderr follows at its end, without TensorFlow's greeting."""
    if (known := _processor()) and platform.machine() == "x86_64" and "avx" not in known.get("flags", "").split():
        # TensorFlow will say so and abort, and what is held then is lost.
        yield
        return
    sys.stderr.flush()
    try:
        stderr = os.dup(2)
    except OSError:
        # The process has no stderr.
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            held.seek(0)
            # Linux within Windows has its GPUs in /dev/dxg.
            routine = _GREETING if glob.glob("/dev/nvidia*") or os.path.exists("/dev/dxg") else _GREETING + _ABSENT_GPU
            os.write(stderr, b"".join(line for line in held if not any(text in line for text in routine)))
            os.close(stderr)


def _is_not_routine(record):
    return "triggered tf.function retracing" not in record.getMessage()
