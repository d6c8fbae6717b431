"""Sets damaged parts of a workdir aside, so that they are made again.

A file counts as damaged if it cannot be read, does not match the checksum in its record, or was computed from weights
other than the present ones. So does a finished run that began at weights which another run no longer has. Runs are
moved as a whole, kept iterates and measurements one by one. Damaged parts are moved to WORKDIR/damaged, under the same
relative path, and never deleted.
"""

import contextlib
import dataclasses
import itertools
import os
import zipfile

from absl import logging

from replication import files
from replication.configuration import KINDS
from replication.errors import UserError
from replication.records.run import RunRecord

# Open files of a process beside its locks.
_OTHER_FILES = 256


def set_aside(workdir):
    """Moves what is damaged to the folder `damaged` of a workdir, and logs each by name; runs of searches count.

    All runs are locked against other processes meanwhile. A run of a network or remedy that only a user's script knows,
    or of a later version, is not damaged, and stays where it is.

    Args:
        workdir: A `records.Workdir`.

    Returns:
        The relative paths of what was moved, in the order in which it was found.

    Raises:
        BusyError: another process works on one of the runs.
    """
    records, searched = ([RunRecord(folder) for folder in sorted(workdir.path.glob(pattern)) if folder.is_dir()]
                         for pattern in ("runs/*", "tuning/*/runs/*"))
    moved = []
    _allow_open_files(len(records) + len(searched))
    with contextlib.ExitStack() as locks:
        for record in (*records, *searched):
            locks.enter_context(record.lock(wait=False))
        for record in (*records, *searched):
            if reason := _foreign(record):
                logging.warning("%s: left alone: %s", record.folder, reason)
            else:
                moved += _set_run_aside(workdir.path, record)
        # Last, because a measurement that joins runs is made again with a run that has been set aside.
        sound = {}
        for record in records:
            # A run that was left alone may be damaged.
            with contextlib.suppress(UserError):
                if record.is_finished:
                    sound[record.name] = record.minimizer.checksum
        for path in _measurements(workdir, runs=2):
            if not _joins(path, sound):
                moved.append(_move(workdir.path, path))
    return moved


def _allow_open_files(number):
    """Raises the limit on open files, if it is too low for so many locks and this process may."""
    try:
        import resource
    except ImportError:
        # Windows has no such limit.
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (
                wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _foreign(record):
    """Returns why this version cannot read the configuration of a run although it is intact; None if it can."""
    try:
        fields = files.read_json(record.folder / record.FILE).get("configuration")
    except UserError:
        return None
    if not isinstance(fields, dict):
        return None
    try:
        record.CONFIGURATION.from_json(fields)
    except UserError as error:
        is_newer = not fields.keys() <= {field.name for field in dataclasses.fields(record.CONFIGURATION)}
        # NaN has no digest.
        with contextlib.suppress(ValueError):
            return error if is_newer or record.folder.name.endswith(
                f"-{record.CONFIGURATION.digest_of(fields)}") else None
    return None


def _set_run_aside(root, record):
    if not _is_sound(record):
        return [_move(root, record.folder)]
    failure = record.folder / "failure.json"
    if not record.is_finished:
        return [_move(root, path) for path, is_readable in ((failure, _is_readable), (record.state, _is_archive))
                if path.exists() and not is_readable(path)]
    moved = [*_set_measurements_aside(root, record.minimizer), *_set_measurements_aside(root, record.iterate(0))]
    for iterate in record.iterates():
        try:
            iterate.check()
        except UserError:
            moved.append(_move(root, iterate.folder))
        else:
            moved += _set_measurements_aside(root, iterate)
    return moved


def _is_sound(record):
    """Whether a run's own files are those that were written; a run that has not begun has none."""
    if not record.was_begun:
        return True
    try:
        record.check_configuration()
        record.check_start()
        if record.is_finished:
            record.check()
            # Raises a UserError as well if result.json is damaged.
            _ = record.epochs
    except UserError:
        return False
    return True


def _measurements(folder, *, runs):
    """Returns the files of all measurements in a `records` folder of the kinds that join so many runs."""
    kinds = [kind for kind, choices in KINDS.items() if runs == choices.RUNS]
    return [path for kind in kinds for path in sorted((folder.folder / kind).glob("[!.]*.json"))]


def _set_measurements_aside(root, point):
    """Moves the measurements that were not made at the weights of a `WeightsRecord`."""
    return [_move(root, path) for path in _measurements(point, runs=1)
            if not _is_readable(path, weights_checksum=point.checksum)]


def _joins(path, sound):
    """Whether a measurement was made of the present weights, whose checksums `sound` holds by the runs' names."""
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


def _is_archive(path):
    """Whether all members of a zip file, such as NumPy's .npz, can be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile):
        return False


def _move(root, path):
    relative = path.relative_to(root)
    target = _unused(root / "damaged" / relative)
    if path.is_dir():
        target.mkdir(parents=True)
        # The lock stays where other processes look for it. The process may end here: iterates and measurements go
        # first, which would count with the next run of the name, then result.json, without which nothing else counts.
        for each in sorted(path.iterdir(), key=lambda each: (
                each.is_file(), each.suffix != ".json", each.name != "result.json")):
            if each.name != ".lock":
                os.replace(each, target / each.name)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
    logging.warning("%s: damaged; set aside as %s", path, target)
    return relative


def _unused(path):
    """Returns the path, with a number behind its name if it exists."""
    numbered = (path.with_name(f"{path.name}.{number}") for number in itertools.count(1))
    return next(each for each in itertools.chain([path], numbered) if not each.exists())
