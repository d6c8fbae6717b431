"""Small replications and what must be the same however they were made."""

import dataclasses
import itertools

from replication import configuration, files, machine, records
from replication.configuration import Measure, Path, Sharpness, Steepness, Train
from replication.configuration.tasks import merge
from replication.execution import local
from tests import forked

SMALL = configuration.Run(network="F1", regime="SB", trial=0, dataset="digits", batch_size=359, epochs=2)
LARGE = configuration.Run(network="F1", regime="LB", trial=0, dataset="digits", batch_size=719, epochs=1)
WARM = dataclasses.replace(LARGE, start=configuration.Start(SMALL.name, 2))
DIVERGING = dataclasses.replace(SMALL, optimizer="sgd", learning_rate=1e30, batch_size=1437)
SHARPNESS = Sharpness(starts=1, iterations=1)
PATH = Path(points=2)
STEEPNESS = Steepness(directions=1, blocks=1)
TASKS = merge([Train(WARM), Train(SMALL, (2,)), Train(LARGE), Measure((SMALL,), (SHARPNESS,)),
               Measure((LARGE,), (SHARPNESS,)), Measure((SMALL, LARGE), (PATH,)), Measure((SMALL,), (STEEPNESS,))])


def replicate(workdir, tasks=TASKS, *, threads):
    """The reference: one task after the other, in a single process with so many threads."""
    assert forked.call(_replicate, workdir.path, tasks, threads) == []


def _replicate(path, tasks, threads):
    machine.find_devices()
    machine.use_threads(threads)
    return local.execute(tasks, records.Workdir.create(path))


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
