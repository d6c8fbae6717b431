"""What a report decides: the gates and endpoints of each network, and the exit code of `verify`."""

import collections
import dataclasses

from replication.report import verdicts
from replication.report.verdicts import Entry

# By table, the columns whose values must be near the paper's, and the contrasts that decide.
GATES = {
    2: ("train_SB", "train_LB", "test_SB", "test_LB"),
    3: ("eps1e-3_SB", "eps1e-3_LB", "eps5e-4_SB", "eps5e-4_LB"),
}
ENDPOINTS = {2: ("test_gap",), 3: ("eps1e-3_ratio", "eps5e-4_ratio"), 4: ("eps1e-3_ratio",)}
# How far a gate's value may be from the paper's: points of accuracy, and a factor of sharpness.
MARGINS = {"accuracy": 5, "sharpness": 5}

IN_FAVOUR = "in favour"
AGAINST = "against"
OPEN = "undecided"
EXCLUDED = "not judged"

EXIT_REPLICATED, EXIT_NOT_REPLICATED, EXIT_UNDECIDED = 0, 2, 3


@dataclasses.dataclass(frozen=True)
class Check:
    """A gate or an endpoint.

    Attributes:
        kind: "gate" or "endpoint".
        entry: The `verdicts.Entry` that it rests on.
        outcome: IN_FAVOUR, AGAINST, OPEN or EXCLUDED.
    """

    kind: str
    entry: Entry
    outcome: str

    @property
    def answer(self):
        """The outcome in words that suit the kind."""
        if self.kind == "endpoint":
            return self.outcome
        return {IN_FAVOUR: "holds", AGAINST: "fails"}.get(self.outcome, self.outcome)


def number_of_endpoints(rows):
    """Returns the number of endpoints in a report, at least 1.

    Args:
        rows: The `base.Row`s of each table, by its number.
    """
    return max(1, sum(len(names) for number, names in ENDPOINTS.items() for row in rows.get(number, ())
                      if row.plain and verdicts.is_papers_data(row.network, row.dataset)))


def checks(entries):
    """Returns the `Check`s of the networks that have plain runs on the paper's data, gates first.

    Args:
        entries: The `verdicts.Entry`s of all tables.
    """
    counted = _deciding([entry for entry in entries if entry.on_papers_data and entry.plain])
    return [
        *(Check("gate", entry, _gate(entry)) for entry in counted if entry.name in GATES.get(entry.table, ())),
        *(Check("endpoint", entry, _endpoint(entry)) for entry in counted
          if entry.name in ENDPOINTS.get(entry.table, ())),
    ]


def exit_code(found):
    """Returns the exit code of `verify` for some `Check`s.

    It is EXIT_REPLICATED if every gate holds and every endpoint is decided in favour, EXIT_NOT_REPLICATED if one is
    decided against, and EXIT_UNDECIDED otherwise, also if there is none.
    """
    outcomes = {check.outcome for check in found}
    if AGAINST in outcomes:
        return EXIT_NOT_REPLICATED
    return EXIT_REPLICATED if outcomes - {EXCLUDED} == {IN_FAVOUR} else EXIT_UNDECIDED


def _gate(entry):
    """A gate holds where the mean lies inside the margin, and fails where the whole interval lies outside.

    Without an interval, for a single trial or where the paper's deviation is in doubt, it cannot fail.
    """
    if entry.comparison is None:
        return EXCLUDED if entry.verdict == verdicts.NOT_JUDGED else OPEN
    mean, margin = (entry.comparison, entry.comparison), verdicts.bounds(entry.kind, MARGINS)
    if entry.interval and verdicts.within(entry.interval, *margin) is False:
        return AGAINST
    return IN_FAVOUR if verdicts.within(mean, *margin) else OPEN


def _deciding(entries):
    """Returns, of rows that differ in XLA and recomputation alone, the entries of that with the most contrasts.

    Contrasts are counted by their trials; of rows with as many, all entries are returned.
    """
    known = {}
    for entry in entries:
        rows = known.setdefault((entry.network, entry.choices), collections.Counter())
        if entry.name in ENDPOINTS.get(entry.table, ()):
            rows[entry.label] += entry.ours.trials if entry.ours else 0
    return [entry for entry in entries
            if (rows := known[entry.network, entry.choices])[entry.label] == max(rows.values(), default=0)]


def _endpoint(entry):
    return {verdicts.REPLICATED: IN_FAVOUR, verdicts.NOT_REPLICATED: AGAINST,
            verdicts.NOT_JUDGED: EXCLUDED}.get(entry.verdict, OPEN)
