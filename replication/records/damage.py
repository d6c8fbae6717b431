"""Sets damaged parts of a workdir aside, so that they are made anew.

Damaged is what cannot be read, what does not have the checksum that its record tells, and what was made of other
weights than those that are there now: runs as a whole, kept iterates, measurements, steepness and paths. It is moved
to WORKDIR/damaged, under the same relative path, and never deleted.
"""

import contextlib
import itertools
import os

from absl import logging

from replication import files
from replication.errors import UserError
from replication.records.run import RunRecord


def set_aside(workdir):
    """Moves what is damaged to the folder `damaged` of a workdir, and logs each by name.

    All runs are held against other processes meanwhile.

    Args:
        workdir: A `records.Workdir`.

    Returns:
        The paths where it was, in the workdir, in the order in which it was found.

    Raises:
        BusyError: another process works on one of the runs.
    """
    records = [RunRecord(folder) for folder in sorted((workdir.path / "runs").glob("*")) if folder.is_dir()]
    moved = []
    with contextlib.ExitStack() as held:
        for record in records:
            held.enter_context(record.lock(wait=False))
        for record in records:
            moved += _of_run(workdir.path, record)
        # Last: those of a run that has been set aside are made anew with it.
        sound = {record.name: record.minimizer.checksum for record in records if record.is_finished}
        for path in sorted((workdir.path / "paths").glob("[!.]*.json")):
            if not _is_path_of(path, sound):
                moved.append(_move(workdir.path, path))
    return moved


def _of_run(root, record):
    if not _is_sound(record):
        return [_move(root, record.folder)]
    failure = record.folder / "failure.json"
    if not record.is_finished:
        return [_move(root, failure)] if failure.exists() and not _is_readable(failure) else []
    moved = _of_weights(root, record.minimizer, "sharpness", "steepness")
    for iterate in record.iterates():
        try:
            iterate.check()
        except UserError:
            moved.append(_move(root, iterate.folder))
        else:
            moved += _of_weights(root, iterate, "sharpness")
    return moved


def _is_sound(record):
    """Whether a run's own files are what was written; those of one without config.json are not missed."""
    if not record.was_begun:
        return True
    try:
        record.check_configuration()
        if record.is_finished:
            record.check()
            # Raises as well.
            _ = record.epochs
    except UserError:
        return False
    return True


def _of_weights(root, point, *folders):
    """Moves what was not made of the weights of a `WeightsRecord`."""
    found = itertools.chain.from_iterable(sorted((point.folder / name).glob("[!.]*.json")) for name in folders)
    return [_move(root, path) for path in found if not _is_readable(path, weights_checksum=point.checksum)]


def _is_path_of(path, sound):
    """Whether a path was made of the runs' weights that are there, a dictionary of checksums by the runs' names."""
    try:
        content = files.read_json(path)
    except UserError:
        return False
    names = [content.get("small_batch"), content.get("large_batch")]
    return all(name in sound for name in names) and content.get("weights_checksums") == [sound[name] for name in names]


def _is_readable(path, **fields):
    """Whether a JSON file can be read and has these fields."""
    try:
        content = files.read_json(path)
    except UserError:
        return False
    return all(content.get(name) == value for name, value in fields.items())


def _move(root, path):
    relative = path.relative_to(root)
    target = _unused(root / "damaged" / relative)
    if path.is_dir():
        target.mkdir(parents=True)
        # The lock stays where other processes look for it. First what makes the rest count, in case it ends here.
        for each in sorted(path.iterdir(), key=lambda each: (each.suffix != ".json", each.name != "result.json")):
            if each.name != ".lock":
                os.replace(each, target / each.name)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
    logging.warning("%s: damaged; set aside as %s, to be made anew", path, target)
    return relative


def _unused(path):
    """The path, with a number behind its name where something is there."""
    numbered = (path.with_name(f"{path.name}.{number}") for number in itertools.count(1))
    return next(each for each in itertools.chain([path], numbered) if not each.exists())
