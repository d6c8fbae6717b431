"""A finished replication to compare with, and a count of what a test survived."""

import collections
import multiprocessing

import pytest

from replication import files, records


@pytest.fixture
def survived(request):
    """A counter, by kind of fault, of those after which everything was as it should be, if the test passes."""
    counter = collections.Counter()
    yield counter
    request.node.user_properties.append(("survived", dict(counter)))


@pytest.fixture(scope="session")
def reference(tmp_path_factory, worker_id):
    """The workdir of an undisturbed replication, with its report."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system cannot fork processes")
    from tests.faults import children

    # Above the folders of the processes that share the tests: the first to come makes it for all.
    above = tmp_path_factory.getbasetemp()
    workdir = records.Workdir((above if worker_id == "master" else above.parent) / "reference")
    with files.lock(workdir.path, "reference", wait=True):
        if not workdir.page.exists():
            children.undisturbed(children.replicate, workdir.path)
            children.undisturbed(children.report, workdir.path)
    return workdir

