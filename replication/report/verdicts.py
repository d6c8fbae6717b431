"""Whether an entry of a table replicates the paper's.

The margins are fixed, the same for every network, and do not depend on our own scatter:

- A value is `replicated` if it lies within a fixed margin of the paper's mean (0.5 points of accuracy, a factor of 2 in
  sharpness), or within two of the paper's own standard deviations. Otherwise it is `same direction` if SB and LB differ
  in the direction in which the paper's do, and else `not replicated`. A column that only LB has (the sharpness of
  tables 6 and 7) has no direction.
- A contrast, the gap SB - LB or the ratio LB / SB of the means, is `replicated` if it lies between half and twice the
  paper's. Otherwise it is `same direction` if its sign (a gap above 0, a ratio above 1) is the paper's, and else
  `not replicated`.
- A value from other data than the paper's has nothing to be compared with: it is `not judged`. A contrast from such
  data is `same direction` or `not replicated`, by its sign alone.
- A network that the paper lacks is not judged.
- An entry without a run or measurement is `missing`.

Welch's t-test is for information and decides nothing: with few trials it rarely rejects, and a test that fails to
reject is no evidence of agreement. An equivalence margin is.
"""

import collections
import dataclasses
import math

from replication import catalog
from replication.report.paper import Summary, summarize, welch

REPLICATED = "replicated"
SAME_DIRECTION = "same direction"
NOT_REPLICATED = "not replicated"
NOT_JUDGED = "not judged"
MISSING = "missing"
VERDICTS = (REPLICATED, SAME_DIRECTION, NOT_REPLICATED, NOT_JUDGED, MISSING)

ACCURACY_MARGIN = 0.5
FACTOR = 2
DEVIATIONS = 2
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class Entry:
    """An entry of a table beside the paper's.

    Attributes:
        table: Number of the table.
        network, dataset, label: Those of its `base.Row`; the data set is "" for a network without runs.
        name: Name of the column or contrast.
        heading: Its heading.
        kind: "accuracy", "sharpness", "gap" or "ratio".
        ours, paper: A `Summary` each, without a deviation for a contrast. Ours is None if it is missing, the paper's if
            the paper lacks the network.
        difference: ours - paper; None if the two cannot be compared.
        p_value: The p-value of Welch's t-test; None if there is none.
        verdict: One of VERDICTS.
        note: Why an entry is not judged; "" otherwise.
        runs: Names of the runs behind ours, for a contrast those of SB and of LB.
    """

    table: int
    network: str
    dataset: str
    label: str
    name: str
    heading: str
    kind: str
    ours: Summary | None
    paper: Summary | None
    difference: float | None
    p_value: float | None
    verdict: str
    note: str = ""
    runs: tuple = ()


def judge(table, rows, paper):
    """Returns the judged entries of a table.

    Args:
        table: An `experiments.Table`, for its number, columns and contrasts.
        rows: Its `base.Row`s.
        paper: The paper's values, {network: {column: Summary}}.

    Returns:
        A list of `Entry`, in a row first the columns, then the contrasts. The rows are those of each network of the
        paper, or one row of missing entries if it has none, and then those of other networks.
    """
    entries = []
    others = dict.fromkeys(row.network for row in rows if row.network not in paper)
    for network in (*paper, *others):
        found = [(row.dataset, row.label, {name: summarize(values) for name, values in row.values.items()}, row.runs)
                 for row in rows if row.network == network]
        for dataset, label, ours, runs in found or [("", "", {}, {})]:
            entries += _row(table, (table.number, network, dataset, label), ours, paper.get(network), runs)
    return entries


def count(entries):
    """Returns the number of entries with each of VERDICTS, as a dictionary in their order."""
    counted = collections.Counter(entry.verdict for entry in entries)
    return {verdict: counted[verdict] for verdict in VERDICTS}


def judged_by_direction(entry):
    """Returns whether an entry of one of the paper's networks comes from other data than the paper's."""
    return entry.paper is not None and entry.dataset not in ("", _papers_dataset(entry.network, entry.dataset))


def value_verdict(kind, ours, paper, *, same_direction):
    """Returns the verdict on a value from the paper's data.

    Args:
        kind: "accuracy" or "sharpness".
        ours, paper: `Summary`s.
        same_direction: Whether SB and LB differ in the direction in which the paper's do.
    """
    difference = abs(ours.mean - paper.mean)
    within_margin = {
        "accuracy": _at_most(difference, ACCURACY_MARGIN),
        "sharpness": _within_factor(ours.mean, paper.mean),
    }
    if within_margin[kind] or _at_most(difference, DEVIATIONS * paper.deviation):
        return REPLICATED
    return SAME_DIRECTION if same_direction else NOT_REPLICATED


def contrast_verdict(kind, ours, paper, *, papers_data=True):
    """Returns the verdict on a contrast.

    Args:
        kind: "gap" (SB - LB) or "ratio" (LB / SB).
        ours, paper: Floats.
        papers_data: Whether the runs are on the paper's data set.
    """
    if papers_data and _within_factor(ours, paper):
        return REPLICATED
    neutral = 0 if kind == "gap" else 1
    return SAME_DIRECTION if _sign(ours - neutral) == _sign(paper - neutral) else NOT_REPLICATED


def contrast(kind, small, large):
    """Returns SB - LB for a "gap" and LB / SB for a "ratio", which is infinite if SB alone is 0, and 1 if both are."""
    if kind == "gap":
        return small - large
    if small == 0:
        return math.inf if large > 0 else 1.0
    return large / small


def _row(table, key, ours, paper, runs):
    _, network, dataset, _ = key
    pairs = _pairs(table.columns)
    reason = _not_comparable(network, dataset, paper)
    entries = []
    for column in table.columns:
        value, expected = ours.get(column.name), paper and paper[column.name]
        frame = (*key, column.name, column.heading, column.kind, value, expected)
        behind = runs.get(column.regime, ())
        if value is None:
            entries.append(Entry(*frame, None, None, MISSING))
        elif reason:
            entries.append(Entry(*frame, None, None, NOT_JUDGED, reason, behind))
        else:
            verdict = value_verdict(column.kind, value, expected,
                                    same_direction=_same_direction(pairs.get(column.quantity), ours, paper))
            entries.append(Entry(*frame, value.mean - expected.mean, welch(value, expected), verdict, runs=behind))
    for item in table.contrasts:
        value, expected = (_contrast(item.kind, pairs[item.quantity], values) for values in (ours, paper))
        frame = (*key, item.name, item.heading, item.kind, value, expected)
        behind = (*runs.get("SB", ()), *runs.get("LB", ()))
        if value is None:
            entries.append(Entry(*frame, None, None, MISSING))
        elif expected is None:
            entries.append(Entry(*frame, None, None, NOT_JUDGED, reason, behind))
        else:
            verdict = contrast_verdict(item.kind, value.mean, expected.mean, papers_data=not reason)
            entries.append(Entry(*frame, None if reason else value.mean - expected.mean, None, verdict,
                                 f"direction only: {reason}" if reason else "", behind))
    return entries


def _not_comparable(network, dataset, paper):
    """Returns why values cannot be compared with the paper's; "" if they can."""
    if paper is None:
        return "not in the paper"
    own = _papers_dataset(network, dataset)
    return "" if dataset == own else f"{catalog.dataset_label(dataset)}, not {own.upper()}"


def _contrast(kind, pair, values):
    """Returns the `Summary` of the contrast of a pair of columns; None if one of them has no value."""
    small, large = (values and values.get(name) for name in pair)
    if not (small and large):
        return None
    return Summary(contrast(kind, small.mean, large.mean), None, min(small.trials, large.trials))


def _papers_dataset(network, default):
    return catalog.NETWORKS[network].dataset if network in catalog.NETWORKS else default


def _pairs(columns):
    """Returns by quantity the names of its SB and its LB column, if it has both."""
    names = {(column.quantity, column.regime): column.name for column in columns}
    return {quantity: (small, names[quantity, "LB"]) for (quantity, regime), small in names.items()
            if regime == "SB" and (quantity, "LB") in names}


def _same_direction(pair, ours, paper):
    if pair is None or not all(ours.get(name) for name in pair):
        return False
    small, large = pair
    return _sign(ours[small].mean - ours[large].mean) == _sign(paper[small].mean - paper[large].mean)


def _sign(number):
    return (number > 0) - (number < 0)


def _at_most(value, bound):
    return value <= bound + _ROUNDING


def _within_factor(ours, paper):
    """Returns whether ours / paper lies in [1 / FACTOR, FACTOR]."""
    if paper == 0 or not math.isfinite(ours):
        return ours == paper
    return _at_most(1 / FACTOR, ours / paper) and _at_most(ours / paper, FACTOR)
