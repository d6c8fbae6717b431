import math

import pytest

from replication import experiments, paper
from replication.experiments.base import Row
from replication.report import verdicts
from replication.statistics import Summary, summarize
from tests.report import copies

TABLE_2, TABLE_3, TABLE_4, TABLE_6, TABLE_7 = (experiments.tables()[number] for number in (2, 3, 4, 6, 7))
R, N, U = verdicts.REPLICATED, verdicts.NOT_REPLICATED, verdicts.UNDECIDED
SAME, OPPOSITE = verdicts.SAME_DIRECTION, verdicts.OPPOSITE_DIRECTION


def judge(table, network, dataset, values, *, endpoints=4):
    """The entries of one row by name; a tuple of values is those of trials 0, 1, ..."""
    by_trial = {name: dict(enumerate(found)) for name, found in values.items()}
    entries = verdicts.judge(table, [Row(network, dataset, "", by_trial)], paper.table(table.number),
                             endpoints=endpoints)
    return {entry.name: entry for entry in entries if entry.network == network}


@pytest.mark.parametrize("table, name, values, expected", [
    # The paper has 98.03 +- 0.07: the interval of each is its mean +- about 0.1.
    (TABLE_2, "test_SB", (98.40, 98.42, 98.38, 98.41, 98.39), R),
    (TABLE_2, "test_SB", (98.52, 98.54, 98.50, 98.53, 98.51), U),
    (TABLE_2, "test_SB", (98.70, 98.72, 98.68, 98.71, 98.69), N),
    (TABLE_2, "test_SB", (97.36, 97.38, 97.34, 97.37, 97.35), N),
    # Wide intervals decide nothing, however far the mean is.
    (TABLE_2, "test_SB", (99.9, 90.0), U),
    # F2 SB: 1.39 +- 0.02. The geometric mean decides.
    (TABLE_3, "eps1e-3_SB", (2.5, 2.6, 2.55), R),
    (TABLE_3, "eps1e-3_SB", (2.9, 3.0, 2.95), N),
    (TABLE_3, "eps1e-3_SB", (0.72, 0.71, 0.73), R),
    (TABLE_3, "eps1e-3_SB", (0.66, 0.65, 0.67), N),
    (TABLE_3, "eps1e-3_SB", (2.7, 2.8, 2.85), U),
])
def test_a_value_is_judged_by_its_interval(table, name, values, expected):
    network, dataset = ("F1", "mnist") if table is TABLE_2 else ("F2", "timit")
    entry = judge(table, network, dataset, {name: values})[name]
    low, high = entry.interval
    assert entry.verdict == expected and low < entry.comparison < high
    margin = verdicts.bounds(entry.kind, verdicts.MARGINS)
    assert verdicts.within(entry.interval, *margin) == {R: True, N: False, U: None}[expected]


def test_one_trial_is_undecided_with_the_interval_of_the_papers_next():
    entry = judge(TABLE_2, "F1", "mnist", {"test_SB": (98.03,)})["test_SB"]
    assert (entry.verdict, entry.note, entry.interval) == (U, "one trial", None)
    # 98.03 +- t(4, 95 %) * 0.07 * sqrt(1 + 1 / 5)
    assert entry.prediction == pytest.approx((98.03 - 2.1318 * 0.07 * 1.0954, 98.03 + 2.1318 * 0.07 * 1.0954), abs=1e-4)
    assert entry.comparison == pytest.approx(0)


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_a_sharpness_that_is_none_decides_nothing(value):
    entries = judge(TABLE_3, "F1", "mnist", {"eps1e-3_SB": (1.2, value, 1.3), "eps1e-3_LB": (200.0, 201.0, 202.0)})
    assert {name: (entries[name].verdict, entries[name].note) for name in ("eps1e-3_SB", "eps1e-3_ratio")} == {
        "eps1e-3_SB": (U, "solver did not move"), "eps1e-3_ratio": (U, "solver did not move")}


def test_equal_values_have_the_resolution_for_a_deviation():
    equal = judge(TABLE_2, "F1", "mnist", {"test_SB": (98.03,) * 3, "test_LB": (97.81,) * 3})
    apart = judge(TABLE_2, "F1", "mnist", {"test_SB": (98.02, 98.03, 98.04), "test_LB": (97.81,) * 3})
    assert equal["test_SB"].interval == pytest.approx(apart["test_SB"].interval)
    assert equal["test_gap"].p_value == pytest.approx(apart["test_gap"].p_value) and equal["test_gap"].p_value > 0
    ratio = judge(TABLE_3, "F1", "mnist", {"eps1e-3_SB": (1.2,) * 3, "eps1e-3_LB": (228.0,) * 3})["eps1e-3_ratio"]
    assert ratio.interval[1] / ratio.interval[0] == pytest.approx(math.exp(2 * 2.91999 * 0.01 / math.sqrt(3)), rel=1e-4)


@pytest.mark.parametrize("gaps, expected", [
    ((0.20, 0.22, 0.24), R),  # The paper has 0.22.
    ((0.06, 0.07, 0.08), R),  # Its interval reaches a third of it.
    ((0.03, 0.04, 0.05), N),
    ((0.65, 0.66, 0.67), R),
    ((0.80, 0.82, 0.84), N),
    ((-0.1, 0.2, 0.5), U),
    ((0.20, -0.20, 0.02), U),
    ((-0.22, -0.20, -0.24), N),
])
def test_a_gap_needs_direction_and_size(gaps, expected):
    entry = judge(TABLE_2, "F1", "mnist", {
        "test_SB": tuple(98 + gap for gap in gaps), "test_LB": (98.0,) * len(gaps)})["test_gap"]
    assert entry.verdict == expected
    assert entry.ours == Summary(pytest.approx(sum(gaps) / 3), None, 3)


def test_a_ratio_is_the_geometric_mean_of_trials_that_have_both():
    values = {"eps1e-3_SB": {0: 1.0, 1: 2.0, 3: 5.0}, "eps1e-3_LB": {0: 100.0, 1: 800.0, 2: 7.0}}
    entries = verdicts.judge(TABLE_3, [Row("F1", "mnist", "", values)], paper.table(3), endpoints=4)
    ratio, = (entry for entry in entries if (entry.network, entry.name) == ("F1", "eps1e-3_ratio"))
    assert ratio.ours == Summary(pytest.approx(200), None, 2)
    # exp(mu_LB - mu_SB) by the moments of 1.23 +- 0.83 and 205.14 +- 69.52
    assert ratio.paper.mean == pytest.approx(205.14 / 1.23 * math.sqrt(
        (1 + (0.83 / 1.23) ** 2) / (1 + (69.52 / 205.14) ** 2)))


def test_pairs_decide_where_means_would_not():
    values = {"test_SB": (97.0, 98.0, 99.0), "test_LB": (96.8, 97.78, 98.77)}
    entry = judge(TABLE_2, "F1", "mnist", values)["test_gap"]
    assert entry.verdict == R and entry.sign_flip_p == pytest.approx(1 / 8)


def test_the_opposite_direction_is_corrected_for_the_number_of_endpoints():
    values = {"test_SB": (97.0, 97.2, 97.4), "test_LB": (97.4, 98.3, 98.3)}
    one, many = (judge(TABLE_2, "F1", "digits", values, endpoints=number)["test_gap"] for number in (1, 24))
    assert 0.05 / 24 < 1 - one.p_value < 0.05
    assert (one.verdict, many.verdict) == (OPPOSITE, U)


def test_on_other_data_directions_only():
    values = {"eps1e-3_SB": (1.0, 1.1, 1.2), "eps1e-3_LB": (166.0, 160.0, 170.0),
              "eps5e-4_SB": (2.0, 2.1, 2.2), "eps5e-4_LB": (1.0, 1.0, 1.0)}
    entries = judge(TABLE_3, "F1", "digits", values)
    assert {name: entry.verdict for name, entry in entries.items()} == {
        **dict.fromkeys(values, verdicts.NOT_JUDGED), "eps1e-3_ratio": SAME, "eps5e-4_ratio": OPPOSITE}
    assert entries["eps1e-3_SB"].note == "digits, not MNIST"
    one = judge(TABLE_3, "F1", "digits", {name: found[:1] for name, found in values.items()})
    assert one["eps1e-3_ratio"].verdict == U and one["eps1e-3_ratio"].note == "one trial"


def test_missing_is_listed_and_not_judged():
    entries = judge(TABLE_3, "F1", "mnist", {"eps1e-3_SB": (1.3, 1.2)})
    assert entries.pop("eps1e-3_SB").verdict != verdicts.MISSING
    assert {entry.verdict for entry in entries.values()} == {verdicts.MISSING}
    networks = {entry.network for entry in verdicts.judge(TABLE_3, [], paper.table(3), endpoints=1)}
    assert networks == {"F1", "F2", "C1", "C2", "C3", "C4"}


def test_with_augmentation_lb_must_be_ahead_where_the_papers_is():
    values = {"test_augmented_SB": (89.0, 89.1, 89.2), "test_augmented_LB": (89.4, 89.5, 89.6)}
    for network, expected in (("C2", R), ("C1", N)):
        assert judge(TABLE_6, network, "cifar10", values)["augmented_gap"].verdict == expected


def test_entries_know_their_runs():
    row = Row("F1", "mnist", "", {"test_SB": {0: 98.0}, "test_LB": {0: 97.0}},
              {"SB": {0: "one", 1: "another"}, "LB": {0: "two"}})
    entries = {entry.name: entry.runs for entry in verdicts.judge(TABLE_2, [row], paper.table(2), endpoints=1)
               if entry.network == "F1"}
    assert entries == {"train_SB": (), "train_LB": (), "test_SB": ("one",), "test_LB": ("two",),
                       "test_gap": ("one", "two")}


def test_a_network_that_the_paper_lacks_is_shown_last_and_not_judged():
    row = Row("W1", "digits", "", {"test_SB": {0: 98.0}, "test_LB": {0: 97.0, 1: 96.0}},
              {"SB": {0: "one"}, "LB": {0: "two", 1: "three"}})
    entries = verdicts.judge(TABLE_2, [row], paper.table(2), endpoints=1)
    assert list(dict.fromkeys(entry.network for entry in entries)) == ["F1", "F2", "C1", "C2", "C3", "C4", "W1"]
    found = {entry.name: entry for entry in entries if entry.network == "W1"}
    assert {name: (entry.verdict, entry.note) for name, entry in found.items()} == {
        **dict.fromkeys(("train_SB", "train_LB"), (verdicts.MISSING, "")),
        **dict.fromkeys(("test_SB", "test_LB", "test_gap"), (verdicts.NOT_JUDGED, "not in the paper"))}
    assert found["test_gap"].ours == Summary(1.0, None, 1) and found["test_gap"].runs == ("one", "two")
    assert {(entry.paper, entry.comparison, entry.p_value) for entry in found.values()} == {(None, None, None)}
    assert not any(entry.on_other_data or entry.on_papers_data for entry in found.values())


def test_the_papers_own_contradictions_are_found():
    found = {(number, network, column): printed.spread_only for number, network, column, printed in paper.doubts()}
    assert found == {
        (2, "C2", "train_SB"): False, (2, "C3", "train_LB"): False, (2, "C4", "train_LB"): False,
        (2, "C2", "test_SB"): True, (2, "C4", "test_SB"): True,
        (7, "C2", "test_baseline_SB"): True, (7, "C4", "test_baseline_SB"): True,
        (4, "F1", "eps5e-4_LB"): False}
    reading = paper.table(4)["F1"]["eps5e-4_LB"].reading
    assert reading == Summary(2.17, 0.14, 5)
    assert not paper.cannot_be_nested(paper.table(4)["F1"]["eps1e-3_LB"], reading)


@pytest.mark.parametrize("trials", [[0, 0, 0, 0, 1], [1, 2, 3, 4, 5]])
def test_trials_that_exist_are_never_called_impossible(trials):
    """The first has the largest deviation that five values with a bound can have."""
    assert not paper.cannot_be_bounded(summarize(100 - value for value in trials))
    smaller = [3.0, 1.0, 4.0, 1.0, 5.0]
    larger = [value + more for value, more in zip(smaller, trials)]
    assert not paper.cannot_be_nested(summarize(larger), summarize(smaller))


def test_what_cannot_be_as_printed_is_not_judged_and_neither_is_its_ratio():
    entries = {entry.name: entry for entry in copies.judged({"F1": copies.copy("F1")})
               if (entry.table, entry.network) == (4, "F1")}
    assert {name for name, entry in entries.items() if entry.verdict == verdicts.NOT_JUDGED} == {
        "eps5e-4_LB", "eps5e-4_ratio"}
    assert "inconsistent as printed" in entries["eps5e-4_LB"].note
