"""The summary of the fault tests, at the end of a session."""

import collections

_SURVIVED = collections.Counter()
_PASSED = set()


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
