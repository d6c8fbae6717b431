"""Checks that records hold every field that experiments and the report read.

Each function raises a UserError that names the file and the field if a field is missing or of the wrong kind.
"""

from replication import configuration
from replication.errors import UserError, is_finite, is_whole
from replication.records.folder import FILE_REMEDY, configuration_of

_METRICS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
_HISTORY = ("epoch", "accuracy", "val_accuracy")


def run(record):
    """Returns the contents of a run's config.json, result.json and history.csv, which may be absent: no rows then."""
    config, result, remedy = record.config, record.result, record.remedy
    for name in ("data", "versions", "machine"):
        _require(isinstance(config.get(name), dict), record.folder / "config.json", name, remedy)
    where = record.folder / "result.json"
    for statistics in configuration.STATISTICS:
        for name in _METRICS:
            _require(_has_number(result.get(statistics), name), where, f"{statistics}.{name}", remedy)
    _require(is_whole(result.get("epochs"), 0), where, "epochs", remedy)
    for name in ("distance_from_start", "parameters", "seconds"):
        _require(_has_number(result, name), where, name, remedy)
    _require(isinstance(result.get("stop"), str), where, "stop", remedy)
    return config, result, _history(record)


def measurement(content, kind, folder, *, weights):
    """Returns the choices of a measurement of one run.

    Args:
        content: The content of its file.
        kind: Its kind, a key of `configuration.KINDS`.
        folder: The folder of the file.
        weights: The checksum of the weights of which it must have been made.
    """
    try:
        choices = configuration_of(configuration.KINDS[kind], content, file=folder, remedy=FILE_REMEDY)
    except UserError as error:
        raise UserError(f"{error} (a record of another version, or a damaged one)") from None
    where = folder / f"{choices.record_name()}.json"
    _require_fields(choices, content, where)
    if content.get("weights_checksum") != weights:
        raise UserError(f"{where}: was measured on other weights than the run's; {FILE_REMEDY}")
    return choices


def joined(content, kind, by_name):
    """Returns the choices of a measurement that joins an SB and an LB run, and the runs; each None if not finished.

    Args:
        content: The content of its file.
        kind: Its kind, a key of `configuration.KINDS`.
        by_name: The `FinishedRun`s by name.
    """
    names = [str(content.get(side)) for side in ("small_batch", "large_batch")]
    where = f"{kind}/: the measurement from {names[0]} to {names[1]}"
    choices = configuration_of(configuration.KINDS[kind], content, file=where, remedy=FILE_REMEDY)
    _require_fields(choices, content, where)
    runs = [by_name.get(name) for name in names]
    if all(runs):
        weights = [each.result.get("checksums", {}).get("final.weights.h5") for each in runs]
        if content.get("weights_checksums") != weights:
            raise UserError(f"{where} was made of other weights than the runs'; {FILE_REMEDY}")
    return choices, *runs


def search(record):
    """Returns the content of a search's search.json."""
    content, where = record.config, record.folder / "search.json"
    trials = content.get("trials")
    _require(isinstance(trials, list) and all(isinstance(trial, dict) for trial in trials), where, "trials")
    for trial in trials:
        _require(isinstance(trial.get("hyperparameters"), dict), where, "hyperparameters")
        for name in ("trial", "status"):
            _require(isinstance(trial.get(name), str), where, name)
        if trial["status"] == "finished":
            for name in ("score", "val_accuracy", "val_loss", "sharpness", "epochs"):
                _require(_has_number(trial, name), where, name)
            _require(isinstance(trial.get("admissible"), bool), where, "admissible")
    return content


def _history(record):
    where = record.folder / "history.csv"
    try:
        rows = tuple(record.history)
    except FileNotFoundError:
        return ()
    except (TypeError, ValueError):
        raise UserError(f"{where}: damaged, holds something other than numbers; {record.remedy}") from None
    for name in _HISTORY:
        _require(all(_has_number(row, name) for row in rows), where, name, record.remedy)
    return rows


def _require_fields(choices, content, where):
    name = choices.check(content)
    _require(name is None, where, name)


def _has_number(content, name):
    return isinstance(content, dict) and is_finite(content.get(name))


def _require(condition, where, name, remedy=FILE_REMEDY):
    if not condition:
        raise UserError(f"{where}: damaged or not written by this package ({name!r} is missing or of the "
                        f"wrong kind); {remedy}")
