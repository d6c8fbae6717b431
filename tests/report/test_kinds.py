"""The kinds of measurement that a store holds: those of `configuration.KINDS`, whichever there are."""

import dataclasses
import typing

import pytest

from replication import files
from replication.configuration import KINDS, Measurement
from replication.errors import is_finite
from replication.fields import whole
from replication.report import make_report
from replication.store import Store
from tests.report import fixtures
from tests.report.fixtures import paper_run


@pytest.fixture
def trace(monkeypatch):
    """The choices of a kind that the package does not have."""
    monkeypatch.setitem(KINDS, "trace", None)

    @dataclasses.dataclass(frozen=True)
    class Trace(Measurement):
        KIND: typing.ClassVar[str] = "trace"
        COMPUTATION: typing.ClassVar[str] = "replication.trace"
        probes: int = whole(10, "Number of random vectors.", at_least=1)

        def record_name(self, *runs):
            return self.digest()

        def check(self, content):
            return None if is_finite(content.get("trace")) else "trace"

    return Trace


def write(point, choices, **changes):
    """Writes a measurement of a run or iterate. Returns its file."""
    path = point.measurement(choices)
    files.write_json(path, {"configuration": choices.to_json(), "trace": 3.0, **changes})
    return path


def test_measurements_of_a_run_and_its_iterates_are_held_by_kind(paper_workdir, trace):
    record = paper_workdir.run(paper_run("SB", 0))
    iterate = fixtures.write_iterate(record, 4)
    write(record, trace(), weights_checksum=record.minimizer.checksum)
    write(iterate, trace(5), weights_checksum=iterate.checksum)
    store = Store(paper_workdir)
    assert store.problems == []
    finished = next(each for each in store.runs if each.name == record.name)
    assert set(finished.measurements) == {kind for kind, each in KINDS.items() if each.RUNS == 1} >= {"trace"}
    (measurement,), (later,) = finished.measurements["trace"], finished.iterates
    assert measurement.choices == trace() and measurement.content["trace"] == 3.0
    assert later.epoch == 4 and [each.choices for each in later.measurements["trace"]] == [trace(5)]
    assert later.measurements["sharpness"] == later.measurements["steepness"] == ()


def test_a_damaged_measurement_of_any_kind_is_one_line(paper_workdir, trace):
    record = paper_workdir.run(paper_run("SB", 0))
    weights = record.minimizer.checksum
    first = write(record, trace(1), trace="flat", weights_checksum=weights)
    second = write(record, trace(2), weights_checksum="of other weights")
    third = write(record, trace(3), configuration={"probes": 0}, weights_checksum=weights)
    problems = make_report(paper_workdir)
    assert sorted(problems) == sorted([
        f"{first}: damaged or not written by this package ('trace' is missing or of the wrong kind); remove it, or "
        "give `reproduce --remake_damaged`, to have it made again",
        f"{second}: was measured on other weights than the run's; remove it, or give `reproduce --remake_damaged`, to "
        "have it made again",
        f"{third.parent}: probes=0: expected a whole number of at least 1 (a record of another version, or a damaged "
        "one)"])
    assert not any(each.measurements["trace"] for each in Store(paper_workdir).runs)
