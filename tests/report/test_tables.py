import csv
import io
import json
import re

import pytest

from replication import experiments, paper
from replication.experiments.base import Row
from replication.report import tables, verdicts

TABLE_2, TABLE_3, TABLE_4 = (experiments.tables()[number] for number in (2, 3, 4))


def files_of(table, *rows):
    return tables.files(table.title, verdicts.judge(table, rows, paper.table(table.number), endpoints=1))


ACCURACIES = {"train_SB": {0: 99.6, 1: 99.8}, "train_LB": {0: 99.9, 1: 99.9}, "test_SB": {0: 98.0, 1: 98.1},
              "test_LB": {0: 97.8}}


@pytest.fixture
def written():
    return files_of(TABLE_2, Row("F1", "mnist", "", ACCURACIES))


def test_csv_and_json_hold_the_same_unrounded_entries(written):
    from_csv = list(csv.DictReader(io.StringIO(written["csv"])))
    from_json = json.loads(written["json"])["entries"]
    assert [{k: "" if v is None else str(v) for k, v in entry.items()} for entry in from_json] == from_csv
    first = from_json[0]
    assert (first["entry"], first["ours"], first["ours_trials"], first["paper"]) == (
        "train_SB", pytest.approx(99.7), 2, 99.66)
    assert first["ours_deviation"] == pytest.approx(0.2**0.5 * 0.1**0.5)


def test_ours_above_the_papers(written):
    lines = [line for line in written["md"].splitlines() if line.startswith("| F1") or "| paper" in line]
    assert "98.05 ± 0.07 (2)" in lines[0] and "98.03 ± 0.07 (5)" in lines[1]


def test_one_trial_shows_no_deviation(written):
    assert "97.80 ± – (1)" in written["md"]
    entry = next(e for e in json.loads(written["json"])["entries"] if e["entry"] == "test_LB")
    assert entry["ours_deviation"] is None and entry["t_test_p"] is None


def test_networks_without_runs_are_missing(written):
    missing = [line for line in written["md"].splitlines() if line.startswith("| C1")]
    assert len(missing) == 1 and missing[0].count("missing") == 5


def test_synthetic_data_are_called_so_and_values_on_them_are_not_judged():
    written = files_of(TABLE_2, Row("F2", "timit_shaped", "", ACCURACIES))
    assert "| timit_shaped (synthetic) |" in written["md"]
    assert r"timit\_shaped (synthetic)" in written["tex"]
    values = [entry for entry in json.loads(written["json"])["entries"]
              if entry["network"] == "F2" and entry["entry"] in ACCURACIES]
    assert len(values) == 4 and all(
        (entry["data"], entry["verdict"], entry["note"], entry["comparison"], entry["t_test_p"])
        == ("timit_shaped (synthetic)", "not judged", "timit_shaped (synthetic), not TIMIT", None, None)
        for entry in values)


def test_latex_is_escaped_and_balanced():
    label = "batch_size 50% & more #1"
    text = files_of(TABLE_2, Row("F1", "mnist", label, ACCURACIES))["tex"]
    assert r"batch\_size 50\% \& more \#1" in text
    assert r"\toprule" in text and r"$\pm$" in text and text.isascii()
    body = re.sub(r"(?m)^%.*$", "", text)
    assert not re.search(r"(?<!\\)[%#_]", body.replace(r"\label{tab:table2}", ""))
    assert body.count(r"\begin") == body.count(r"\end") == 2
    columns = {len(re.findall(r"(?<!\\)&", line)) for line in body.splitlines() if line.endswith(r"\\")}
    assert len(columns) == 1


def test_a_sharpness_of_0_gives_no_ratio():
    values = {"eps1e-3_SB": {0: 0.0}, "eps1e-3_LB": {0: 5.0}}
    written = files_of(TABLE_3, Row("F1", "mnist", "", values))
    entry = next(e for e in json.loads(written["json"])["entries"] if e["entry"] == "eps1e-3_ratio")
    assert (entry["ours"], entry["verdict"], entry["note"]) == (None, verdicts.UNDECIDED, "solver did not move")
    assert "undecided (solver did not move)" in written["md"]


def test_the_reading_of_an_entry_that_cannot_be_as_printed_stands_beside_it():
    written = files_of(TABLE_4, Row("F1", "mnist", "", {"eps5e-4_LB": {0: 2.0}}))
    assert "9.17 ± 0.14 (5) [read as 2.17 ± 0.14 (5)?]" in written["md"]
    assert "not judged (inconsistent as printed)" in written["md"]


def test_a_network_that_the_paper_lacks_has_a_dash_for_the_papers_values():
    entries = verdicts.judge(TABLE_2, [Row("W1", "digits", "", ACCURACIES)], paper.table(2), endpoints=1)
    written = tables.files(TABLE_2.title, entries)
    ours, theirs, verdict = written["md"].splitlines()[-3:]
    assert ours.startswith("| W1") and "98.05 ± 0.07 (2)" in ours
    assert theirs.count("–") == 5 and verdict.count("not judged (not in the paper)") == 5
    entry = json.loads(written["json"])["entries"][-1]
    assert (entry["paper"], entry["paper_trials"], entry["comparison"]) == (None, None, None)
    assert entry["ours"] == pytest.approx(0.2)
    assert "not judged (not in the paper)" in tables.comparison(entries)
