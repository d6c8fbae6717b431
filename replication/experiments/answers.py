"""Sentences that answer a question from the records: numbers with their uncertainty over the trials."""

import functools
import math
from statistics import fmean

from replication.statistics import LEVEL, at_least, mean_interval, summarize

# A deviation below this share of a sharpness is not known, see `report.verdicts`.
_RESOLUTION = 0.01


def joined(sentences):
    """Makes of a function that yields a sentence for each network one that returns all of them as text."""
    @functools.wraps(sentences)
    def answer(*arguments, **options):
        return " ".join(sentences(*arguments, **options))

    return answer


def ratio(pairs):
    """Returns the ratio of geometric means of pairs of positive numbers, one for each trial, with its interval.

    Args:
        pairs: Pairs of a numerator and a denominator; those that are not positive are left out.

    Returns:
        Text such as "3.1 (90 % interval 2.4 to 4.0, 3 trials)" or "3.1 (one trial)"; "" without a pair.
    """
    return _text([math.log(first / second) for first, second in pairs if first > 0 and second > 0],
                 lambda value: significant(math.exp(value)), "", _RESOLUTION)


def difference(values, unit, *, resolution):
    """Returns the mean of numbers, one for each trial, with its interval, as text; "" without a number.

    Args:
        values: The numbers.
        unit: Their unit, such as "points".
        resolution: Their deviation is not taken to be smaller, so that equal values do not look certain.
    """
    return _text(list(values), signed, f" {unit}", resolution)


def one_example(finished_run):
    """Returns what one example of the test set of a `store.FinishedRun` counts, in points; 0 if it does not tell."""
    size = finished_run.resolved_dataset.test_size
    return 100 / size if size else 0.0


def significant(value):
    """Returns a number with two significant digits, or as a whole number from 100 on."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"
    return (f"{float(text):g}" if "e" in text else text).replace("-", "−")


def with_error(value, error):
    """Returns an estimate with its standard error as text; the estimate alone if that is None."""
    return significant(value) if error is None else f"{significant(value)} ± {significant(error)}"


def signed(value):
    """Returns a number with its sign and two decimals."""
    return f"{value:+.2f}".replace("-", "−")


def span(values, write=significant):
    """Returns the smallest and the largest of some numbers as text, such as "2.1 to 6.3"; one number if they agree."""
    texts = list(dict.fromkeys((write(min(values)), write(max(values)))))
    return " to ".join(texts)


def _text(values, write, unit, resolution):
    if not values:
        return ""
    middle = f"{write(fmean(values))}{unit}"
    if len(values) == 1:
        return f"{middle} (one trial)"
    low, high = mean_interval(at_least(summarize(values), resolution))
    return f"{middle} ({100 * LEVEL:.0f} % interval {write(low)} to {write(high)}, {len(values)} trials)"
