"""Whether an entry of a table replicates the paper's: the rule that docs/verdicts.md states and gives reasons for."""

import collections
import dataclasses
import math

from replication import catalog, statistics
from replication.experiments.base import Row
from replication.paper import ROUNDING
from replication.statistics import Summary

REPLICATED = "replicated"
NOT_REPLICATED = "not replicated"
UNDECIDED = "undecided"
SAME_DIRECTION = "same direction"
OPPOSITE_DIRECTION = "opposite direction"
NOT_JUDGED = "not judged"
MISSING = "missing"
VERDICTS = (REPLICATED, NOT_REPLICATED, UNDECIDED, SAME_DIRECTION, OPPOSITE_DIRECTION, NOT_JUDGED, MISSING)

# Why an entry is undecided.
ONE_TRIAL = "one trial"
DID_NOT_MOVE = "solver did not move"

# How far a value may be from the paper's: points of accuracy, and a factor of sharpness.
MARGINS = {"accuracy": 0.5, "sharpness": 2}
# The factor by which the size of a contrast may differ from the paper's.
SIZE = 3
# Of a test of direction.
SIGNIFICANCE = 0.05
# The relative deviation of a sharpness is not taken to be smaller.
SHARPNESS_RESOLUTION = 0.01
# Test examples of a data set that the catalog does not know the size of; the paper's TIMIT has 310,621.
_TEST_EXAMPLES = 10_000


@dataclasses.dataclass(frozen=True)
class Entry:
    """An entry of a table beside the paper's.

    Attributes:
        table: Number of the table.
        network, dataset, label: The same fields of its `base.Row`; the data set is "" for a network without runs.
        name: Name of the column or contrast.
        heading: Its heading.
        kind: "accuracy", "sharpness", "gap" or "ratio".
        ours, paper: A `statistics.Summary` and a `paper.Printed`, without a deviation for a contrast. Ours is None if
            it is missing, the paper's if the paper lacks the network.
        verdict: One of VERDICTS.
        note: Why an entry is undecided or not judged; "" otherwise.
        comparison: How a value stands to the paper's, ours - paper (accuracy) or ours / paper (sharpness); None for a
            contrast, and if the two cannot be compared. An accuracy whose printed deviation is in doubt has one.
        interval: The 90 % interval of `comparison`, or of a contrast itself; None for one trial, and for such an
            accuracy.
        prediction: For a value of one trial, the interval in which the paper's next trial is expected; None otherwise.
        p_value: Of the one-sided t-test of a contrast, paired by trial, towards the paper's direction; None for a value
            and for one trial.
        sign_flip_p: Of the exact sign-flip test of the same direction.
        plain: Whether its runs and measurements are those of the preset.
        runs: Names of the runs behind ours, for a contrast those of SB and of LB.
        choices: The same field of its `base.Row`.
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
    verdict: str
    note: str = ""
    comparison: float | None = None
    interval: tuple | None = None
    prediction: tuple | None = None
    p_value: float | None = None
    sign_flip_p: float | None = None
    plain: bool = True
    runs: tuple = ()
    choices: str = ""

    @property
    def on_papers_data(self):
        """Whether it comes from runs of one of the paper's networks on the paper's data."""
        return self.paper is not None and is_papers_data(self.network, self.dataset)

    @property
    def on_other_data(self):
        """Whether it comes from runs of one of the paper's networks on other data."""
        return self.paper is not None and bool(self.dataset) and not self.on_papers_data


def judge(table, rows, paper, *, endpoints):
    """Returns the judged entries of a table.

    Args:
        table: An `experiments.Table`, for its number, columns and contrasts.
        rows: Its `base.Row`s.
        paper: The paper's values, {network: {column: `paper.Printed`}}.
        endpoints: Number of endpoints in the report, by which the significance of an opposite direction is divided.

    Returns:
        A list of `Entry`, in a row first the columns, then the contrasts. The rows are those of each network of the
        paper, or one row of missing entries if it has none, and then those of other networks.
    """
    entries = []
    others = dict.fromkeys(row.network for row in rows if row.network not in paper)
    for network in (*paper, *others):
        found = [row for row in rows if row.network == network]
        for row in found or [None]:
            entries += _row(table, network, row, paper.get(network), endpoints)
    return entries


def count(entries):
    """Returns the number of entries with each of VERDICTS, as a dictionary in their order."""
    counted = collections.Counter(entry.verdict for entry in entries)
    return {verdict: counted[verdict] for verdict in VERDICTS}


def within(interval, low, high):
    """Whether an interval lies inside [low, high]: True or False, and None if it lies partly inside."""
    if interval[1] < low or interval[0] > high:
        return False
    return True if low <= interval[0] and interval[1] <= high else None


def is_papers_data(network, dataset):
    """Whether a data set is the one on which the paper has a network."""
    return network in catalog.NETWORKS and catalog.NETWORKS[network].dataset == dataset


def bounds(kind, margins):
    """Returns the ends of a margin around no difference: of a difference in accuracy, or of a ratio of sharpness."""
    margin = margins[kind]
    return (-margin, margin) if kind == "accuracy" else (1 / margin, margin)


def _row(table, network, row, paper, endpoints):
    row = row or Row(network, "", "", {})
    reason = _not_comparable(network, row.dataset, paper)
    pairs = _pairs(table.columns)
    entries = []
    for item in (*table.columns, *table.contrasts):
        is_contrast = item in table.contrasts
        names = pairs[item.quantity] if is_contrast else [item.name]
        values = [row.values.get(name, {}) for name in names]
        printed = paper and [paper[name] for name in names]
        entry = Entry(table.number, network, row.dataset, row.label, item.name, item.heading, item.kind, None,
                      printed and (_printed_contrast(item.kind, *printed) if is_contrast else printed[0]), MISSING,
                      plain=row.plain, choices=row.choices)
        # The values of each trial that has them all.
        trials = sorted(set.intersection(*map(set, values)))
        if by_trial := [tuple(each[trial] for each in values) for trial in trials]:
            judged = (_contrast(entry, by_trial, printed, reason, endpoints) if is_contrast
                      else _value(entry, [value for value, in by_trial], reason))
            regimes = ("SB", "LB") if is_contrast else (item.regime,)
            runs = tuple(row.runs[regime][trial] for regime in regimes if row.runs for trial in trials)
            entry = dataclasses.replace(entry, runs=runs, **judged)
        entries.append(entry)
    return entries


def _value(entry, values, reason):
    """Returns what is found about a value, as fields of its `Entry`.

    Args:
        entry: The `Entry` so far.
        values: Our value of each trial.
        reason: Why it cannot be compared with the paper's; "" if it can.
    """
    found = {"ours": statistics.summarize(values)}
    doubt = reason or entry.paper.doubt
    if doubt and (reason or entry.kind == "sharpness"):
        return {**found, "verdict": NOT_JUDGED, "note": doubt}
    printed = statistics.at_least(entry.paper, ROUNDING)
    if entry.kind == "accuracy":
        ours, back = statistics.at_least(found["ours"], _accuracy_resolution(entry.dataset)), float
    elif all(map(_is_measured, values)):
        ours = statistics.at_least(statistics.summarize(map(math.log, values)), SHARPNESS_RESOLUTION)
        printed, back = statistics.logarithm(printed), math.exp
    else:
        return {**found, "verdict": UNDECIDED, "note": DID_NOT_MOVE}
    found["comparison"] = back(ours.mean - printed.mean)
    if doubt:
        # Where an accuracy's mean and deviation contradict each other, the mean is roughly right all the same.
        return {**found, "verdict": NOT_JUDGED, "note": doubt}
    if ours.deviation is None:
        prediction = tuple(map(back, statistics.prediction_interval(printed)))
        return {**found, "verdict": UNDECIDED, "note": ONE_TRIAL, "prediction": prediction}
    found["interval"] = tuple(map(back, statistics.difference_interval(ours, printed)))
    inside = within(found["interval"], *bounds(entry.kind, MARGINS))
    return {**found, "verdict": {True: REPLICATED, False: NOT_REPLICATED, None: UNDECIDED}[inside]}


def _contrast(entry, paired, printed, reason, endpoints):
    """Returns what is found about a contrast, as fields of its `Entry`.

    Args:
        entry: The `Entry` so far.
        paired: The value of SB and of LB of each trial.
        printed: The paper's `paper.Printed` of SB and of LB; None if the paper lacks the network.
        reason: Why its size cannot be compared with the paper's; "" if it can.
        endpoints: See `judge`.
    """
    if entry.kind == "gap":
        differences, back = [small - large for small, large in paired], float
        resolution = _accuracy_resolution(entry.dataset)
    elif all(_is_measured(value) for pair in paired for value in pair):
        differences, back = [math.log(large / small) for small, large in paired], math.exp
        resolution = SHARPNESS_RESOLUTION
    else:
        differences = []
    summary = statistics.summarize(differences) if differences else None
    found = {"ours": Summary(back(summary.mean), None, len(paired))} if summary else {}
    if printed is None:
        return {**found, "verdict": NOT_JUDGED, "note": reason}
    if doubt := next((each.doubt for each in printed if each.doubt and not each.spread_only), ""):
        return {**found, "verdict": NOT_JUDGED, "note": doubt}
    if summary is None:
        return {"verdict": UNDECIDED, "note": DID_NOT_MOVE}
    if len(paired) == 1:
        return {**found, "verdict": UNDECIDED, "note": ONE_TRIAL}
    summary = statistics.at_least(summary, resolution)
    sign = 1 if entry.paper.mean > (0 if entry.kind == "gap" else 1) else -1
    p_value = statistics.one_sided_p(summary, sign)
    found |= {"interval": tuple(map(back, statistics.mean_interval(summary))), "p_value": p_value,
              "sign_flip_p": statistics.sign_flip_p(differences, sign)}
    same, opposite = p_value <= SIGNIFICANCE, 1 - p_value <= SIGNIFICANCE / endpoints
    if reason:
        verdict = SAME_DIRECTION if same else OPPOSITE_DIRECTION if opposite else UNDECIDED
        return {**found, "verdict": verdict, "note": f"direction only: {reason}"}
    outside = within(found["interval"], *sorted((entry.paper.mean / SIZE, entry.paper.mean * SIZE))) is False
    verdict = NOT_REPLICATED if outside or opposite else REPLICATED if same else UNDECIDED
    return {**found, "verdict": verdict}


def _printed_contrast(kind, small, large):
    """Returns the paper's contrast: the gap of its means, or the ratio of its geometric means."""
    if kind == "gap":
        return Summary(small.mean - large.mean, None, small.trials)
    small, large = (statistics.logarithm(statistics.at_least(each, ROUNDING)) for each in (small, large))
    return Summary(math.exp(large.mean - small.mean), None, small.trials)


def _is_measured(sharpness):
    """Whether a sharpness is a valid measurement; at 0 the solver has not moved."""
    return math.isfinite(sharpness) and sharpness > 0


def _not_comparable(network, dataset, paper):
    """Returns why values cannot be compared with the paper's; "" if they can."""
    if paper is None:
        return "not in the paper"
    if is_papers_data(network, dataset):
        return ""
    return f"{catalog.dataset_label(dataset)}, not {catalog.NETWORKS[network].dataset.upper()}"


def _accuracy_resolution(dataset):
    """Returns one test example, in points."""
    known = catalog.DATASETS.get(dataset)
    return 100 / (known and known.test_size or _TEST_EXAMPLES)


def _pairs(columns):
    """Returns by quantity the names of its SB and its LB column, if it has both."""
    names = {(column.quantity, column.regime): column.name for column in columns}
    return {quantity: (small, names[quantity, "LB"]) for (quantity, regime), small in names.items()
            if regime == "SB" and (quantity, "LB") in names}
