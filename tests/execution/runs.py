"""Small replications and what must be the same however they were made."""

import dataclasses
import itertools

from replication import configuration, files, machine, records
from replication.configuration import Path, Sharpness, Steepness, tasks
from replication.execution import local
from tests import forked, networks


@dataclasses.dataclass(frozen=True)
class Train(configuration.Train):
    """A task that registers the networks of `tests.networks` in the process that it comes to."""


@dataclasses.dataclass(frozen=True)
class Measure(configuration.Measure):
    """A task that registers the networks of `tests.networks` in the process that it comes to."""


def merge(found):
    """Merges tasks to such tasks."""
    return [(Train if isinstance(task, configuration.Train) else Measure)(
        *(getattr(task, field.name) for field in dataclasses.fields(task))) for task in tasks.merge(found)]


SMALL = configuration.Run(network=networks.WIDE, regime="SB", trial=0, dataset="digits", batch_size=359, epochs=2)
LARGE = configuration.Run(network=networks.WIDE, regime="LB", trial=0, dataset="digits", batch_size=719, epochs=1)
WARM = dataclasses.replace(LARGE, start=configuration.Start(SMALL.name, 2))
DIVERGING = dataclasses.replace(SMALL, optimizer="sgd", learning_rate=1e30, batch_size=1437)
SHARPNESS = Sharpness(starts=1, iterations=1)
PATH = Path(points=2)
STEEPNESS = Steepness(directions=1, blocks=1)
TASKS = merge([Train(WARM), Train(SMALL, (2,)), Train(LARGE), Measure((SMALL,), (SHARPNESS,)),
               Measure((LARGE,), (SHARPNESS,)), Measure((SMALL, LARGE), (PATH,)), Measure((SMALL,), (STEEPNESS,))])


def replicate(workdir, found=TASKS, *, threads):
    """The reference: one task after the other, in a single process with so many threads."""
    assert forked.call(_replicate, workdir.path, found, threads) == []


def _replicate(path, found, threads):
    machine.find_devices()
    machine.use_threads(threads)
    return local.execute(found, records.Workdir.create(path))


def contents(workdir):
    """All files of a workdir's runs and paths, by name: JSON and histories without times, others as checksums."""
    found = {}
    for path in sorted(itertools.chain.from_iterable((workdir.path / name).rglob("*") for name in ("runs", "paths"))):
        if path.is_file() and path.name != ".lock":
            found[str(path.relative_to(workdir.path))] = _content(path)
    return found


def _content(path):
    if path.name == "history.csv":
        return [line.rpartition(",")[0] for line in path.read_text().splitlines()]
    if path.suffix == ".json":
        return _without_times(files.read_json(path))
    return files.file_checksum(path)


def _without_times(content):
    if isinstance(content, dict):
        # The checksum of a history covers its seconds.
        return {key: _without_times(value) for key, value in content.items() if key not in ("seconds", "history.csv")}
    return content
