"""Errors that a user can mend, and the checks that raise them; entry scripts show them as one line and exit with 1."""

import math


class UserError(ValueError):
    """Something given to the package is wrong; the message says what, where and what would be right."""


class MissingDataError(UserError):
    """A data set is not on disk and must be prepared first."""


class BusyError(UserError):
    """Another process is working on the same thing."""


class TrainingFailedError(UserError):
    """A training run ended without a minimizer, for instance because its loss became NaN."""


class MeasurementFailedError(UserError):
    """A measurement of sharpness failed its checks, for instance because f is not finite."""


def require(condition, name, value, expected):
    """Raises a UserError that names the argument, the value received and what would be right."""
    if not condition:
        raise UserError(f"{name}={value!r}: expected {expected}")


def require_name(name, value, known):
    """Raises a UserError unless `value` is one of the `known` names."""
    require(isinstance(value, str) and value in known, name, value, "one of " + ", ".join(known))


def is_whole(value, at_least):
    """Whether `value` is an integer (no bool) of at least `at_least`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= at_least


def is_finite(value):
    """Whether `value` is a finite real number (no bool)."""
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        # An integer beyond all floating-point numbers.
        return False


def are_numbers(values):
    """Whether `values` is a list, not empty, of finite real numbers."""
    return isinstance(values, list) and bool(values) and all(map(is_finite, values))


def collect(read, sources):
    """Applies a function to each of several sources and goes on after a UserError.

    Returns:
        A list of the results, and a list of the messages of the errors, one line each.
    """
    results, problems = [], []
    for source in sources:
        try:
            results.append(read(source))
        except UserError as error:
            problems.append(str(error))
    return results, problems
