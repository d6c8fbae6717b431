"""A finished search."""

import pytest

from replication import files, records
from tests.tuning import short


@pytest.fixture(scope="session")
def searched(common_folder):
    """The record of a search of three trials, which a test copies before it changes it."""
    workdir = records.Workdir.create(common_folder / "searched")
    with files.lock(workdir.path, "searched", wait=True):
        record = workdir.search(short.search())
        return record if record.was_begun and record.config["best"] else short.tune(workdir.path)
