"""A finished search."""

import pytest

from replication import files, records
from tests.tuning import short


@pytest.fixture(scope="session")
def searched(tmp_path_factory, worker_id):
    """The record of a search of three trials, which a test copies before it changes it."""
    # Above the folders of the processes that share the tests: the first to come makes it for all.
    above = tmp_path_factory.getbasetemp()
    workdir = records.Workdir.create((above if worker_id == "master" else above.parent) / "searched")
    with files.lock(workdir.path, "searched", wait=True):
        record = workdir.search(short.search())
        return record if record.was_begun and record.config["best"] else short.tune(workdir.path)
