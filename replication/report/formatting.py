"""Numbers as text, the same in tables, on the page and on the command line."""

import dataclasses
import math

UNKNOWN = "–"
UNITS = {"accuracy": "%", "sharpness": "%", "gap": "points", "ratio": ""}


def ours(entry):
    """Returns our value of a `verdicts.Entry` as `summary` does; a dash if it is missing."""
    return UNKNOWN if entry.ours is None else _value(entry.kind, entry.ours, decimals(entry.ours.mean))


def papers(entry):
    """Returns the paper's value of an entry, with two decimals as published; a dash if the paper lacks the network.

    An entry that cannot be as printed has the reading that would not contradict it beside it.
    """
    if entry.paper is None:
        return UNKNOWN
    reading = getattr(entry.paper, "reading", None)
    return _value(entry.kind, entry.paper, 2) + (f" [read as {summary(reading, places=2)}?]" if reading else "")


def summary(value, *, places):
    """Returns a `Summary` as "98.04 ± 0.07 (5)": mean, sample standard deviation and trials.

    One trial has no deviation: "98.04 ± – (1)".
    """
    deviation = UNKNOWN if value.deviation is None else f"{value.deviation:.{places}f}"
    return f"{number(value.mean, places=places)} ± {deviation} ({value.trials})"


def number(value, *, places=None):
    """Returns a number with two decimals, or with two significant digits if it is small; a dash for None.

    Below 1e-4 it has an exponent, such as "1.1e−07".
    """
    if value is None:
        return UNKNOWN
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if places is None and 0 < abs(value) < 1e-4:
        return f"{value:.1e}".replace("-", "−")
    places = decimals(value) if places is None else places
    return f"{value:.{places}f}".replace("-", "−")


def comparison(entry):
    """Returns how a value stands to the paper's: "+0.12" points, or "1.30 ×" the paper's; a dash if it has none."""
    if entry.comparison is None:
        return UNKNOWN
    return _signed(entry.comparison) if entry.kind == "accuracy" else f"{number(entry.comparison)} ×"


def interval(entry):
    """Returns the 90 % interval of `comparison`, or of a contrast; a dash if there is none.

    For a value of one trial, it is the interval in which the paper's next trial is expected.
    """
    if entry.prediction:
        return "next trial of the paper: " + " to ".join(map(number, entry.prediction))
    if entry.interval is None:
        return UNKNOWN
    text = " to ".join(map(_signed if entry.kind in ("accuracy", "gap") else number, entry.interval))
    return f"{text} ×" if entry.kind == "sharpness" else text


def decimals(value):
    """Returns the number of decimals: two, or as many as two significant digits need, at most eight."""
    if not math.isfinite(value) or value == 0 or abs(value) >= 0.1:
        return 2
    return min(8, 1 - math.floor(math.log10(abs(value))))


def probability(value):
    """Returns a p-value as text."""
    if value is None:
        return UNKNOWN
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def cell(value):
    """Returns a cell of a listing: a text as it is, a number or None as `number` does."""
    return value if isinstance(value, str) else number(value)


def percent(share):
    """Returns a share as a percentage."""
    return f"{100 * share:.2f}"


def significant(value):
    """Returns a number of any size with four significant digits; a dash for None."""
    return UNKNOWN if value is None else f"{value:.4g}".replace("-", "−")


def largest(values):
    """Returns the largest of some numbers, of which those that are not finite are None; None without any."""
    return max((value for value in values if value is not None), default=None)


def duration(seconds):
    """Returns a time in seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def setting(value, name=""):
    """Returns a field of a configuration or record as text."""
    if value is None:
        return {"epochs": "by the stopping rule", "classes": "the data set’s"}.get(name, "none")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return significant(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(setting(item) for item in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {setting(item)}" for name, item in value.items())
    return str(value)


def particulars(configuration, *shown):
    """Returns the fields of a configuration that differ from their defaults, each as text.

    Args:
        configuration: A `fields.Configuration`.
        *shown: Names of fields to leave out.
    """
    found = [(field.name.replace("_", " "), getattr(configuration, field.name))
             for field in dataclasses.fields(configuration)
             if field.name not in shown and getattr(configuration, field.name) != field.default]
    return [name if value is True else f"{name} {value:,}" if isinstance(value, int) else f"{name} {setting(value)}"
            for name, value in found]


def enumeration(words):
    """Returns some words as in a sentence, such as "F1, F2 and C1"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def verdict(entry):
    """Returns the verdict of an entry with the reason, if it has one, without what follows a colon."""
    return f"{entry.verdict} ({entry.note.partition(':')[0]})" if entry.note else entry.verdict


def _signed(value):
    return f"{value:+.{decimals(value)}f}".replace("-", "−")


def _value(kind, value, places):
    # A contrast comes from means and has no deviation.
    if kind in ("accuracy", "sharpness"):
        return summary(value, places=places)
    return f"{number(value.mean, places=places)} ({value.trials})"
