"""A finished search."""

import pytest

from tests.tuning import short


@pytest.fixture(scope="session")
def searched(tmp_path_factory):
    """The record of a search of three trials, which a test copies before it changes it."""
    return short.tune(tmp_path_factory.mktemp("searched"))
