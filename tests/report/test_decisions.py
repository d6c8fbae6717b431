"""What a report decides: exact copies of the paper, wrong results, and how often the rule errs."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from replication import paper
from replication.experiments.base import Row
from replication.report import decisions, verdicts
from replication.report.decisions import AGAINST, EXCLUDED, IN_FAVOUR, OPEN, checks, exit_code
from tests.report import copies

DOCUMENT = Path(__file__).parents[2] / "docs" / "verdicts.md"
NETWORKS = tuple(paper.table(2))
COLUMNS = ("eps1e-3_SB", "eps1e-3_LB", "eps5e-4_SB", "eps5e-4_LB")


def decided(changes=None, **options):
    """The exit code for an exact copy of the paper's F1 in which the values of some columns are replaced."""
    copy = copies.copy("F1")
    for (number, column), change in (changes or {}).items():
        copy[number][column] = {trial: change(value) for trial, value in copy[number][column].items()}
    return exit_code(checks(copies.judged({"F1": copy}, **options)))


def _times(number, factor, columns=COLUMNS):
    return {(number, column): lambda value: value * factor for column in columns}


def _instead(number, values):
    return {(number, column): lambda _, value=value: value for column, value in values.items()}


@pytest.mark.parametrize("network", NETWORKS)
def test_five_trials_with_exactly_the_papers_numbers_are_in_favour(network):
    found = checks(copies.judged({network: copies.copy(network)}))
    assert exit_code(found) == 0
    assert {check.outcome for check in found if check.kind == "endpoint"} == {IN_FAVOUR}
    assert len([check for check in found if check.kind == "endpoint"]) == 4
    assert len([check for check in found if check.kind == "gate"]) == 8


@pytest.mark.parametrize("changes, code", [
    (_instead(2, {"train_SB": 11.0, "train_LB": 11.2, "test_SB": 11.3, "test_LB": 11.35}), 2),
    (_times(3, 100), 2),
    (_instead(3, dict(zip(COLUMNS, (23.0, 4783.0, 3.8, 1192.0)))), 2),
    (_instead(3, {"eps1e-3_SB": 0.0, "eps5e-4_SB": 0.0}), 3),
    (_instead(3, {"eps1e-3_LB": float("nan")}), 3),
    (_instead(2, {"test_SB": 98.03, "test_LB": 98.02}), 2),
    (_instead(2, {"test_SB": 10.1, "test_LB": 9.8}), 2),
    (_times(3, 6, ["eps5e-4_SB"]), 2),
    ({(2, "test_LB"): lambda value: value + 0.3}, 2),
], ids=["untrained", "times 100", "moving averages", "stuck solver", "not a number", "no gap", "shuffled labels",
        "a gate alone", "the opposite gap"])
def test_wrong_results_are_not_in_favour(changes, code):
    assert decided() == 0
    assert decided(changes) == code


def test_one_trial_cannot_fail():
    """It has no interval, and by the rule for several a gate fails only if that lies outside as a whole."""
    one = {number: {column: {0: found[0]} for column, found in table.items()}
           for number, table in copies.copy("F1").items()}
    assert exit_code(checks(copies.judged({"F1": one}))) == 3
    one[3]["eps1e-3_LB"] = {0: 205.14 * 6}
    found = checks(copies.judged({"F1": one}))
    gates = [check for check in found if check.kind == "gate"]
    assert [check.entry.name for check in gates if check.outcome != IN_FAVOUR] == ["eps1e-3_LB"]
    assert exit_code(found) == 3


def test_runs_on_other_data_decide_nothing():
    entries = copies.judged({"F1": copies.copy("F1")}, dataset="mnist5k")
    assert checks(entries) == [] and exit_code([]) == 3
    assert {entry.verdict for entry in entries if entry.dataset and entry.kind in ("gap", "ratio")} >= {
        verdicts.SAME_DIRECTION}


def test_what_is_missing_keeps_the_code_from_0():
    copy = copies.copy("F1")
    del copy[4]
    # Without measurements a comparison has a row without values.
    assert exit_code(checks(copies.judged({"F1": {**copy, 4: {}}}))) == 3


def test_rows_measured_in_another_way_do_not_decide():
    entries = copies.judged({"F1": copies.copy("F1")})
    others = [dataclasses.replace(entry, plain=False) for entry in entries if entry.dataset]
    assert checks(others) == []


def test_means_are_compared_where_the_printed_deviation_contradicts_them():
    """The values are not judged, but an untrained network does not pass."""
    copy = copies.copy("C2")
    entries = copies.judged({"C2": copy})
    assert {entry.name for entry in entries if entry.network == "C2" and entry.verdict == verdicts.NOT_JUDGED} == {
        "train_SB", "test_SB"}
    assert exit_code(checks(entries)) == 0
    copy[2]["train_SB"] = dict.fromkeys(range(5), 60.0)
    found = checks(copies.judged({"C2": copy}))
    assert [check.entry.name for check in found if check.outcome == OPEN] == ["train_SB"] and exit_code(found) == 3


def test_a_run_without_its_partner_that_differs_in_xla_alone_decides_nothing():
    def judged(*rows):
        entries = []
        for number, table in copies.TABLES.items():
            found = [row for row in rows if number in row]
            entries += verdicts.judge(table, [row[number] for row in found], paper.table(number), endpoints=4)
        return entries

    copy = copies.copy("F1")
    usual = {number: Row("F1", "mnist", "jit compile on", values) for number, values in copy.items()}
    stray = {2: Row("F1", "mnist", "jit compile off", {
        name: {0: values[0]} for name, values in copy[2].items() if name.endswith("_LB")})}
    assert exit_code(checks(judged(usual, stray))) == 0
    assert {check.entry.label for check in checks(judged(usual, stray))} == {"jit compile on"}


def test_codes():
    def code(*outcomes):
        return exit_code([decisions.Check("gate", None, outcome) for outcome in outcomes])

    assert code(IN_FAVOUR, EXCLUDED) == 0 and code(EXCLUDED) == 3
    assert code(IN_FAVOUR, OPEN) == 3 and code(IN_FAVOUR, OPEN, AGAINST) == 2


def _without_effect(network, generator, trials):
    """SB and LB that do not differ, each with the paper's scatter."""
    copy = copies.copy(network, generator=generator, trials=trials)
    other = copies.copy(network, generator=generator, trials=trials)
    for number, found in copy.items():
        for column in found:
            if column.endswith("_LB"):
                found[column] = other[number][column.replace("_LB", "_SB")]
    return copy


@pytest.mark.parametrize("trials", [2, 5])
def test_error_rates_without_an_effect(trials):
    generator, reports = np.random.default_rng(trials), 60
    favoured, opposed, tested, codes, reports_opposed = 0, 0, 0, [], 0
    for _ in range(reports):
        entries = copies.judged({network: _without_effect(network, generator, trials)
                                 for network in NETWORKS})
        found = checks(entries)
        codes.append(exit_code(found))
        p_values = [check.entry.p_value for check in found if check.kind == "endpoint"]
        assert len(p_values) == 24
        tested += 24
        favoured += sum(p <= 0.05 for p in p_values)
        opposed += sum(1 - p <= 0.05 for p in p_values)
        reports_opposed += any(1 - p <= 0.05 / 24 for p in p_values)
    # Endpoints of one network share trials, but not their scatter.
    assert favoured <= scipy.stats.binom.ppf(0.999, tested, 0.05)
    assert opposed <= scipy.stats.binom.ppf(0.999, tested, 0.05)
    assert reports_opposed <= scipy.stats.binom.ppf(0.999, reports, 0.05)
    assert codes.count(0) <= scipy.stats.binom.ppf(0.999, reports, 0.05)


def test_one_trial_never_has_a_direction():
    generator = np.random.default_rng(1)
    for _ in range(20):
        found = checks(copies.judged({"C1": copies.copy("C1", generator=generator, trials=1)}))
        assert {check.outcome for check in found if check.kind == "endpoint"} == {OPEN}


def rates(network, reports, seed):
    """How often five trials drawn as the paper's are called replicated: values, endpoints, and the whole network."""
    generator = np.random.default_rng(seed)
    values, endpoints, codes = [], [], []
    for _ in range(reports):
        entries = copies.judged({network: copies.copy(network, generator=generator)})
        found = checks(entries)
        values += [entry.verdict == verdicts.REPLICATED for entry in entries
                   if entry.on_papers_data and entry.kind in ("accuracy", "sharpness")
                   and entry.verdict != verdicts.NOT_JUDGED]
        endpoints += [check.outcome == IN_FAVOUR for check in found if check.kind == "endpoint"]
        codes.append(exit_code(found) == 0)
    return tuple(float(np.mean(each)) for each in (values, endpoints, codes))


@pytest.mark.parametrize("network", NETWORKS)
def test_the_document_states_how_often_a_copy_is_replicated(network):
    row = re.search(rf"^\| {network} \| (\d+) % \| (\d+) % \| (\d+) % \|$", DOCUMENT.read_text(), re.MULTILINE)
    stated = [int(number) / 100 for number in row.groups()]
    reports = 60
    for share, found in zip(stated, rates(network, reports, seed=0)):
        # Four standard errors of a share among so many reports, and the rounding of the document.
        assert abs(share - found) <= 4 * np.sqrt(max(share * (1 - share), 0.01) / reports) + 0.005


def test_trials_that_scatter_leave_a_gate_open():
    """One of five trials does not train: the mean is 18 points off, and the interval reaches the paper's."""
    copy = copies.copy("F1")
    copy[2]["train_SB"][4] = 9.8
    found = checks(copies.judged({"F1": copy}))
    assert [check.entry.name for check in found if check.outcome == OPEN] == ["train_SB"] and exit_code(found) == 3


def test_a_solver_that_is_stuck_where_the_paper_is_in_doubt_is_not_judged():
    entry, = (entry for entry in copies.judged({"F1": _changed(4, "eps5e-4_LB", 0.0)})
              if (entry.table, entry.network, entry.name) == (4, "F1", "eps5e-4_ratio"))
    assert (entry.verdict, entry.ours) == (verdicts.NOT_JUDGED, None) and "printed" in entry.note
    entry, = (entry for entry in copies.judged({"F1": _changed(3, "eps5e-4_LB", 0.0)})
              if (entry.table, entry.network, entry.name) == (3, "F1", "eps5e-4_ratio"))
    assert (entry.verdict, entry.note) == (verdicts.UNDECIDED, verdicts.DID_NOT_MOVE)


def _changed(number, column, value):
    copy = copies.copy("F1")
    copy[number][column][0] = value
    return copy


def test_gates_hold_or_fail_and_endpoints_are_decided():
    found = checks(copies.judged({"F1": copies.copy("F1")}))
    answers = {kind: {check.answer for check in found if check.kind == kind} for kind in ("gate", "endpoint")}
    assert answers == {"gate": {"holds"}, "endpoint": {IN_FAVOUR}}
    assert decisions.Check("gate", found[0].entry, AGAINST).answer == "fails"
    assert decisions.Check("endpoint", found[0].entry, AGAINST).answer == AGAINST
