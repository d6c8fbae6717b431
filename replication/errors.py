"""Errors that the user can correct, and the checks that raise them.

Entry scripts print such an error as one line and exit with 1.
"""

import math
import numbers


class UserError(ValueError):
    """Raised for wrong input; the message says what is wrong, where, and what would be right."""


class MissingDataError(UserError):
    """Raised if a data set is not on disk and must be prepared first."""


class BusyError(UserError):
    """Raised if another process is working on the same folder."""


class TrainingFailedError(UserError):
    """Raised if a training run ends without a minimizer, for example because its loss became NaN."""


class MeasurementFailedError(UserError):
    """Raised if a measurement of sharpness fails its checks, for example because f is not finite."""


class DoesNotFitError(UserError):
    """Raised if the activations of a batch do not fit into memory."""


def one_line(error):
    """Returns the whole message of an error of another package in one line, or else the name of its class."""
    return " ".join(str(error).split()) or type(error).__name__


def require(condition, name, value, expected):
    """Raises a UserError if `condition` is false; the message holds the name, the value and the expected values."""
    if not condition:
        raise UserError(f"{name}={value!r}: expected {expected}")


def require_name(name, value, known):
    """Raises a UserError unless `value` is one of the `known` names."""
    require(isinstance(value, str) and value in known, name, value, "one of " + ", ".join(known))


def is_whole(value, at_least):
    """Returns whether `value` is an integer (not a bool) of at least `at_least`."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= at_least


def is_finite(value):
    """Returns whether `value` is a finite real number (not a bool)."""
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        # The integer is larger than every floating-point number.
        return False


def are_numbers(values, *, gaps=False):
    """Returns whether `values` is a list of finite real numbers, at least one; with `gaps`, of such and of None."""
    if not isinstance(values, list):
        return False
    numbers = [value for value in values if not (gaps and value is None)]
    return bool(numbers) and all(map(is_finite, numbers))


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
