"""Workdirs with records, made once a session and copied where a test writes."""

import shutil

import pytest

from replication import records
from replication.report import figures, make_report
from tests import drawing
from tests.report import fixtures


@pytest.fixture(scope="session", autouse=True)
def _figures_are_drawn_sparingly():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "render", drawing.sparing(figures.render))
        yield


@pytest.fixture(scope="session")
def _paper_template(tmp_path_factory):
    return fixtures.write_replication(tmp_path_factory.mktemp("paper") / "work")


@pytest.fixture
def paper_workdir(_paper_template, tmp_path):
    """Three trials of the paper's set-up, everything measured."""
    return records.Workdir(shutil.copytree(_paper_template.path, tmp_path / "work"))


@pytest.fixture(scope="session")
def drawn_paper(_paper_template, tmp_path_factory):
    """The same, with its report; tests only read it."""
    workdir = records.Workdir(shutil.copytree(_paper_template.path, tmp_path_factory.mktemp("drawn-paper") / "work"))
    assert make_report(workdir) == []
    return workdir


@pytest.fixture(scope="session")
def _whole_template(tmp_path_factory):
    workdir = records.Workdir.create(tmp_path_factory.mktemp("whole") / "work")
    fixtures.write_tasks(workdir, fixtures.tasks_of("quick"))
    fixtures.write_search(workdir)
    return workdir


@pytest.fixture
def whole_workdir(_whole_template, tmp_path):
    """What every experiment needs in the quick set-up."""
    return records.Workdir(shutil.copytree(_whole_template.path, tmp_path / "whole"))


@pytest.fixture(scope="session")
def _drawn_template(_whole_template, tmp_path_factory):
    workdir = records.Workdir(shutil.copytree(_whole_template.path, tmp_path_factory.mktemp("drawn") / "whole"))
    assert make_report(workdir) == []
    return workdir


@pytest.fixture
def drawn_workdir(_drawn_template, tmp_path):
    """The same, and its report."""
    return records.Workdir(shutil.copytree(_drawn_template.path, tmp_path / "drawn"))


@pytest.fixture
def quick_workdir(tmp_path):
    """Two trials of the quick set-up, everything measured."""
    return fixtures.write_replication(tmp_path / "quick", make_run=fixtures.quick_run, trials=2)
