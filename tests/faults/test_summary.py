"""The summary tells what passing tests have survived."""

import types

from tests import conftest


def test_a_test_that_fails_has_survived_nothing(monkeypatch):
    monkeypatch.setattr(conftest, "_SURVIVED", type(conftest._SURVIVED)())
    for name, passed in (("whole", True), ("broken", False)):
        for when in ("call", "teardown"):
            conftest.pytest_runtest_logreport(types.SimpleNamespace(
                when=when, nodeid=name, passed=passed or when == "teardown",
                user_properties=[("survived", {f"{name} kills": 1})] if when == "teardown" else []))
    assert conftest._SURVIVED == {"whole kills": 1}
