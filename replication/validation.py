"""Checks of single values, each ending in one line that says what would be right."""

import math

from replication.errors import UserError


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
