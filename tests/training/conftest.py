"""A short run with its iterates and without."""

import shutil

import pytest

from replication import records
from tests.training import short


@pytest.fixture(scope="session")
def _kept(tmp_path_factory):
    return short.train(short.RUN, tmp_path_factory.mktemp("kept"), keep=[1])


@pytest.fixture
def kept(_kept, tmp_path):
    """A run that has kept every epoch."""
    shutil.copytree(_kept.folder.parent.parent, tmp_path / "kept")
    return records.Workdir(tmp_path / "kept").run(short.RUN)


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """The same run without iterates."""
    return short.train(short.RUN, tmp_path_factory.mktemp("bare"))
