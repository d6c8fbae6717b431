"""A finished replication to compare with, and a count of what was survived at the end of a session."""

import collections
import multiprocessing

import pytest

from replication import records

_SURVIVED = pytest.StashKey[collections.Counter]()


@pytest.fixture
def survived(request):
    """A counter, by kind of fault, of those after which everything was as it should be."""
    return request.config.stash[_SURVIVED]


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """The workdir of an undisturbed replication, with its report."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system cannot fork processes")
    from tests.faults import children

    workdir = records.Workdir(tmp_path_factory.mktemp("reference"))
    children.undisturbed(children.replicate, workdir.path)
    children.undisturbed(children.report, workdir.path)
    return workdir


def pytest_configure(config):
    config.stash[_SURVIVED] = collections.Counter()


def pytest_terminal_summary(terminalreporter, config):
    if counts := config.stash[_SURVIVED]:
        terminalreporter.write_line("survived: " + ", ".join(f"{number} {kind}" for kind, number in counts.items()))
