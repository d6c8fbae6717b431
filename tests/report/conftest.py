"""Workdirs with records, made once a session and copied where a test writes."""

import shutil

import pytest

from replication import records
from tests.report import fixtures


@pytest.fixture(scope="session")
def _paper_template(tmp_path_factory):
    return fixtures.write_replication(tmp_path_factory.mktemp("paper") / "work")


@pytest.fixture
def paper_workdir(_paper_template, tmp_path):
    """Three trials of the paper's set-up, everything measured."""
    return records.Workdir(shutil.copytree(_paper_template.path, tmp_path / "work"))


@pytest.fixture
def quick_workdir(tmp_path):
    """Two trials of the quick set-up, everything measured."""
    return fixtures.write_replication(tmp_path / "quick", make_run=fixtures.quick_run, trials=2)
