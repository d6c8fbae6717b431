import math

import pytest

from replication import experiments
from replication.experiments.base import Row
from replication.report import paper, verdicts
from replication.report.paper import Summary

TABLE_2, TABLE_3, TABLE_6, TABLE_7 = (experiments.tables()[number] for number in (2, 3, 6, 7))

R, D, N = verdicts.REPLICATED, verdicts.SAME_DIRECTION, verdicts.NOT_REPLICATED


@pytest.mark.parametrize("kind, ours, mean, deviation, same_direction, expected", [
    ("accuracy", 98.53, 98.03, 0.07, False, R),  # exactly 0.5 points
    ("accuracy", 97.53, 98.03, 0.07, False, R),
    ("accuracy", 98.5301, 98.03, 0.07, True, D),
    ("accuracy", 98.5301, 98.03, 0.07, False, N),
    ("accuracy", 94.19, 98.35, 2.08, False, R),  # exactly two of the paper's deviations
    ("accuracy", 94.18, 98.35, 2.08, False, N),
    ("sharpness", 410.28, 205.14, 0.0, False, R),  # exactly a factor of 2
    ("sharpness", 102.57, 205.14, 0.0, False, R),
    ("sharpness", 410.30, 205.14, 0.0, True, D),
    ("sharpness", 102.50, 205.14, 0.0, False, N),
    ("sharpness", 2.89, 1.23, 0.83, False, R),  # two deviations reach further than the factor
    ("sharpness", 2.90, 1.23, 0.83, False, N),
    ("sharpness", 0.0, 1.23, 0.83, False, R),
    ("sharpness", 0.0, 0.11, 0.0, False, N),
])
def test_value(kind, ours, mean, deviation, same_direction, expected):
    verdict = verdicts.value_verdict(
        kind, Summary(ours, None, 1), Summary(mean, deviation, 5), same_direction=same_direction)
    assert verdict == expected


@pytest.mark.parametrize("kind, ours, theirs, expected, by_direction", [
    ("gap", 0.44, 0.22, R, D),
    ("gap", 0.11, 0.22, R, D),
    ("gap", 0.45, 0.22, D, D),
    ("gap", 0.10, 0.22, D, D),
    ("gap", 0.0, 0.22, N, N),
    ("gap", -0.2, 0.22, N, N),
    ("gap", -0.2, -0.3, R, D),
    ("ratio", 20.0, 10.0, R, D),
    ("ratio", 5.0, 10.0, R, D),
    ("ratio", 20.1, 10.0, D, D),
    ("ratio", 4.9, 10.0, D, D),
    ("ratio", 1.0, 10.0, N, N),
    ("ratio", 0.5, 10.0, N, N),
    ("ratio", math.inf, 10.0, D, D),
])
def test_contrast(kind, ours, theirs, expected, by_direction):
    assert verdicts.contrast_verdict(kind, ours, theirs) == expected
    assert verdicts.contrast_verdict(kind, ours, theirs, papers_data=False) == by_direction


@pytest.mark.parametrize("kind, small, large, expected", [
    ("gap", 98.0, 97.5, 0.5),
    ("ratio", 2.0, 8.0, 4.0),
    ("ratio", 0.0, 8.0, math.inf),
    ("ratio", 0.0, 0.0, 1.0),
])
def test_contrast_of_means(kind, small, large, expected):
    assert verdicts.contrast(kind, small, large) == expected


def judge(table, dataset, values):
    entries = verdicts.judge(table, [Row("F1", dataset, "", values)], paper.table(table.number))
    return {entry.name: entry for entry in entries if entry.network == "F1"}


def test_on_the_papers_data():
    entries = judge(TABLE_2, "mnist", {
        "train_SB": (99.6, 99.7), "train_LB": (99.0, 99.1), "test_SB": (98.0, 98.1), "test_LB": (97.0, 97.1)})
    assert {name: entry.verdict for name, entry in entries.items()} == {
        "train_SB": R, "train_LB": N, "test_SB": R, "test_LB": D, "test_gap": D}
    assert entries["test_SB"].difference == pytest.approx(0.02)
    assert 0 < entries["test_SB"].p_value < 1
    assert entries["test_gap"].ours.mean == pytest.approx(1.0)


def test_on_other_data_only_contrasts_are_judged():
    entries = judge(TABLE_3, "digits", {
        "eps1e-3_SB": (1.0,), "eps1e-3_LB": (166.0,), "eps5e-4_SB": (2.0,), "eps5e-4_LB": (1.0,)})
    assert {name: entry.verdict for name, entry in entries.items()} == {
        "eps1e-3_SB": verdicts.NOT_JUDGED, "eps1e-3_LB": verdicts.NOT_JUDGED,
        "eps5e-4_SB": verdicts.NOT_JUDGED, "eps5e-4_LB": verdicts.NOT_JUDGED,
        "eps1e-3_ratio": D, "eps5e-4_ratio": N}
    assert entries["eps1e-3_SB"].note == "digits, not MNIST"


def test_missing_is_listed_and_not_judged():
    entries = judge(TABLE_3, "mnist", {"eps1e-3_SB": (1.3,)})
    assert entries.pop("eps1e-3_SB").verdict == R
    assert {entry.verdict for entry in entries.values()} == {verdicts.MISSING}
    networks = {entry.network for entry in verdicts.judge(TABLE_3, [], paper.table(3))}
    assert networks == {"F1", "F2", "C1", "C2", "C3", "C4"}


def test_without_the_other_regime_there_is_no_direction():
    assert judge(TABLE_2, "mnist", {"test_LB": (90.0,)})["test_LB"].verdict == N


def test_a_column_that_only_lb_has_is_judged_by_the_margin_alone():
    values = {"test_baseline_SB": (98.0,), "test_conservative_LB": (97.0,)}
    for sharpness, expected in ((232.25 * 2, R), (232.25 * 2.1, N)):  # a factor of 2 reaches beyond two deviations
        entries = judge(TABLE_7, "mnist", {**values, "conservative_LB_eps1e-3": (sharpness,)})
        assert entries["conservative_LB_eps1e-3"].verdict == expected
    assert entries["conservative_LB_eps5e-4"].verdict == verdicts.MISSING
    assert {name: entries[name].verdict for name in ("test_baseline_SB", "test_conservative_LB")} == {
        "test_baseline_SB": R, "test_conservative_LB": N}
    assert entries["conservative_gap"].verdict == N  # LB is ahead in the paper


def test_with_augmentation_lb_must_be_ahead_where_the_papers_is():
    values = {"test_augmented_SB": (89.0,), "test_augmented_LB": (89.3,)}
    for network, expected in (("C2", R), ("C4", D), ("C1", N)):
        dataset = "cifar100" if network == "C4" else "cifar10"
        entries = verdicts.judge(TABLE_6, [Row(network, dataset, "", values)], paper.table(6))
        (gap,) = (entry for entry in entries if (entry.network, entry.kind) == (network, "gap"))
        assert gap.verdict == expected


def test_entries_know_their_runs():
    row = Row("F1", "mnist", "", {"test_SB": (98.0,), "test_LB": (97.0,)}, {"SB": ("one",), "LB": ("two",)})
    entries = {entry.name: entry.runs for entry in verdicts.judge(TABLE_2, [row], paper.table(2))
               if entry.network == "F1"}
    assert entries == {"train_SB": (), "train_LB": (), "test_SB": ("one",), "test_LB": ("two",),
                       "test_gap": ("one", "two")}


def test_a_network_that_the_paper_lacks_is_shown_last_and_not_judged():
    row = Row("W1", "digits", "", {"test_SB": (98.0,), "test_LB": (97.0, 96.0)}, {"SB": ("one",), "LB": ("two",)})
    entries = verdicts.judge(TABLE_2, [row], paper.table(2))
    assert list(dict.fromkeys(entry.network for entry in entries)) == ["F1", "F2", "C1", "C2", "C3", "C4", "W1"]
    found = {entry.name: entry for entry in entries if entry.network == "W1"}
    assert {name: (entry.verdict, entry.note) for name, entry in found.items()} == {
        **dict.fromkeys(("train_SB", "train_LB"), (verdicts.MISSING, "")),
        **dict.fromkeys(("test_SB", "test_LB", "test_gap"), (verdicts.NOT_JUDGED, "not in the paper"))}
    assert found["test_gap"].ours == Summary(1.5, None, 1) and found["test_gap"].runs == ("one", "two")
    assert {(entry.paper, entry.difference, entry.p_value) for entry in found.values()} == {(None, None, None)}
    assert not any(map(verdicts.judged_by_direction, found.values()))
