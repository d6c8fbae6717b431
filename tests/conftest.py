"""How many processes run the tests, and the summary of the fault tests at the end."""

import collections

import psutil

from replication.machine import processors

_MOST_WORKERS = 4
# What a worker has come to hold at the end of all tests, with the processes that its tests start.
_BYTES_PER_WORKER = 5 * 2**30

_SURVIVED = collections.Counter()
_PASSED = set()


def pytest_xdist_auto_num_workers(config):
    # One more than there are processors: many a test waits for a process that it has started.
    held = psutil.virtual_memory().available // _BYTES_PER_WORKER
    return max(1, min(processors() + 1, _MOST_WORKERS, held))


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
