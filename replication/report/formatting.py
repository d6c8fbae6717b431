"""Numbers as text: one way for tables, page and command line."""

import math

UNKNOWN = "–"
UNITS = {"accuracy": "%", "sharpness": "%", "gap": "points", "ratio": ""}


def summary(value, *, trials=True):
    """A `Summary` as "98.04 ± 0.07 (5)": mean, sample standard deviation and, optionally, trials.

    One trial has no deviation: "98.04 ± – (1)". A mean that is None stands for a missing one.
    """
    if value is None:
        return UNKNOWN
    places = decimals(value.mean)
    deviation = UNKNOWN if value.deviation is None else f"{value.deviation:.{places}f}"
    text = f"{number(value.mean, places=places)} ± {deviation}"
    return f"{text} ({value.trials})" if trials else text


def entry_value(entry, value):
    """Our or the paper's value of a `verdicts.Entry`; a contrast comes from means and has no deviation."""
    if value is None or entry.kind in ("accuracy", "sharpness"):
        return summary(value)
    return number(value.mean)


def number(value, *, places=None):
    """A number with two decimals, or with two significant digits if it is small; None as a dash."""
    if value is None:
        return UNKNOWN
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    places = decimals(value) if places is None else places
    return f"{value:.{places}f}".replace("-", "−")


def difference(value):
    """A difference with its sign."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{value:+.{decimals(value)}f}".replace("-", "−")


def decimals(value):
    """Two decimals, or as many as two significant digits need, at most eight."""
    if not math.isfinite(value) or value == 0 or abs(value) >= 0.1:
        return 2
    return min(8, 1 - math.floor(math.log10(abs(value))))


def probability(value):
    """A p-value."""
    if value is None:
        return UNKNOWN
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def percent(share):
    """A share as a percentage."""
    return f"{100 * share:.2f}"


def significant(value):
    """A number of any size with four significant digits."""
    return f"{value:.4g}".replace("-", "−")


def duration(seconds):
    """A time in seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def verdict(entry):
    """The verdict, with the reason where there is one."""
    return f"{entry.verdict}: {entry.note}" if entry.verdict == "not judged" else entry.verdict
