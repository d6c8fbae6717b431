"""Checks that a record holds what the report reads of it."""

from replication import configuration
from replication.errors import UserError, is_finite, is_whole
from replication.records.contents import FILE_REMEDY, configuration_of

_FIGURES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
_HISTORY = ("epoch", "accuracy", "val_accuracy")


def config(record):
    """The content of a run's config.json.

    Raises:
        UserError: something is missing or of the wrong kind, here as in the other functions.
    """
    content = record.config
    for name in ("data", "versions", "machine"):
        _require(isinstance(content.get(name), dict), record.folder / "config.json", name)
    return content


def result(record):
    """The content of a run's result.json."""
    content, where = record.result, record.folder / "result.json"
    for statistics in configuration.STATISTICS:
        for name in _FIGURES:
            _require(_has_number(content.get(statistics), name), where, f"{statistics}.{name}")
    _require(is_whole(content.get("epochs"), 0), where, "epochs")
    for name in ("distance_from_start", "parameters", "seconds"):
        _require(_has_number(content, name), where, name)
    _require(isinstance(content.get("stop"), str), where, "stop")
    return content


def history(record):
    """The rows of a run's history.csv; none where there is no such file."""
    where = record.folder / "history.csv"
    try:
        rows = record.history
    except FileNotFoundError:
        return []
    except (TypeError, ValueError):
        raise UserError(f"{where}: damaged, holds something else than numbers; remove the folder "
                        f"{record.folder} to run it again") from None
    for name in _HISTORY:
        _require(all(_has_number(row, name) for row in rows), where, name)
    return rows


def measurement(content, folder, weights):
    """The `configuration.Sharpness` of a measurement and its content.

    Args:
        content: Of its file.
        folder: Of its file.
        weights: Checksum of the weights it must have been made of.
    """
    choices = configuration_of(configuration.Sharpness, content, folder, FILE_REMEDY)
    where = folder / f"{choices.name}.json"
    for name in ("sharpness", "loss", "max_loss", "evaluations", "at_bound"):
        _require(_has_number(content, name), where, name)
    for name in ("scale", "start_max_losses"):
        _require(isinstance(content.get(name), list), where, name)
    _require(isinstance(content.get("status"), str), where, "status")
    _require(isinstance(content.get("seconds"), dict), where, "seconds")
    _require_weights(content, weights, where)
    return choices, content


def steepness(content, folder, weights):
    """The `configuration.Steepness` of a file and its content; arguments as in `measurement`."""
    choices = configuration_of(configuration.Steepness, content, folder, FILE_REMEDY)
    where = folder / f"{choices.name}.json"
    for name in ("random", "blocks"):
        _require(_are_numbers(content.get(name)), where, name)
    ranked = content.get("ranked")
    _require(isinstance(ranked, list) and bool(ranked), where, "ranked")
    _require(all(_are_numbers(pair) and len(pair) == 2 for pair in ranked), where, "ranked")
    _require_weights(content, weights, where)
    return choices, content


def path(content):
    """The `configuration.Path` of the content of a path's file."""
    where = f"paths/: the path from {content.get('small_batch')} to {content.get('large_batch')}"
    choices = configuration_of(configuration.Path, content, where, FILE_REMEDY)
    for name in ("alpha", *_FIGURES):
        values = content.get(name)
        _require(_are_numbers(values) and len(values) == choices.points, where, name)
    return choices


def search(record):
    """The content of a search's search.json."""
    content, where = record.content, record.folder / "search.json"
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


def _require_weights(content, weights, where):
    if content.get("weights_checksum") != weights:
        raise UserError(f"{where}: was measured on other weights than the run's; {FILE_REMEDY}")


def _has_number(content, name):
    return isinstance(content, dict) and is_finite(content.get(name))


def _are_numbers(values):
    return isinstance(values, list) and bool(values) and all(map(is_finite, values))


def _require(condition, where, name):
    if not condition:
        raise UserError(f"{where}: damaged or not written by this package ({name!r} is missing or of the "
                        "wrong kind); remove it to make it again")
