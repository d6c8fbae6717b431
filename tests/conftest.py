"""How many processes run the tests, a finished replication to compare with, and the summary of the fault tests."""

import collections
import gc
import multiprocessing
import os
import sys

import psutil
import pytest

from replication.machine import processors, use_onednn

# As in the scripts, whose numbers some tests compare with those of their own process.
use_onednn()
# What a killed process has written is there without it; no test cuts the power, and it takes 9 ms a file.
os.fsync = lambda descriptor: None
# A trace makes so many objects that garbage would be searched for all the time; `_forget_graphs` does it once a module.
gc.set_threshold(20_000, 50, 1_000)
# Compiling takes longer than what is compiled.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

# The first needs a package that `make mutants` installs; the second is for the server of `tests.forked` alone.
collect_ignore = ["mutants.py", "preloaded.py"]
_MOST_WORKERS = 4
# What a worker has come to hold at the end of all tests, with the processes that its tests start.
_BYTES_PER_WORKER = 5 * 2**30

_SURVIVED = collections.Counter()
_PASSED = set()


def pytest_xdist_auto_num_workers(config):
    # One more than there are processors: many a test waits for a process that it has started.
    held = psutil.virtual_memory().available // _BYTES_PER_WORKER
    return max(1, min(processors() + 1, _MOST_WORKERS, held))


@pytest.fixture(scope="module", autouse=True)
def _forget_graphs():
    """Frees the graphs of a module's training steps, and leaves what remains out of later garbage collections.

    For each step, TensorFlow registers a gradient that refers to the graph, for good. A process that runs many tests
    would grow to gigabytes, in which each of keras-tuner's garbage collections, two a trial, takes seconds.
    """
    gc.freeze()
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework import ops

        for name in [name for name in ops.gradient_registry.list() if name.startswith("CustomGradient-")]:
            del ops.gradient_registry._registry[name]
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def common_folder(tmp_path_factory, worker_id):
    """A folder of all processes that share the tests: what the first to come makes there, under a lock, serves all."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def reference(common_folder):
    """The workdir of an undisturbed replication, with its report."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system cannot fork processes")
    from replication import files, records
    from tests.faults import children

    workdir = records.Workdir(common_folder / "reference")
    with files.lock(workdir.path, "reference", wait=True):
        if not workdir.page.exists():
            children.undisturbed(children.replicate, workdir.path)
            children.undisturbed(children.report, workdir.path)
    return workdir


def pytest_runtest_logreport(report):
    # What a fixture counts is complete once it is torn down, and reports also come from pytest-xdist's workers.
    if report.when == "call" and report.passed:
        _PASSED.add(report.nodeid)
    if report.when == "teardown" and report.nodeid in _PASSED:
        for name, value in report.user_properties:
            if name == "survived":
                _SURVIVED.update(value)


def pytest_terminal_summary(terminalreporter):
    if _SURVIVED:
        terminalreporter.write_line("survived: " + ", ".join(f"{number} {kind}" for kind, number in _SURVIVED.items()))
