"""Sentences and cells of a report say neither more nor less than the records behind them."""

import dataclasses
import re

import pytest

from replication import experiments, paper, records
from replication.configuration import Run, Sharpness
from replication.experiments import answers
from replication.report import make_report, verify
from replication.report.tables import NOTE_ON_RATIOS, record
from replication.store import Store
from tests.report import fixtures
from tests.report.fixtures import other, paper_run, write_run


@pytest.fixture
def workdir(tmp_path):
    return records.Workdir.create(tmp_path / "work")


def metrics(accuracy):
    """The metrics of a run with such a training accuracy, a share."""
    return {"train_loss": 0.1, "train_accuracy": accuracy, "test_loss": 0.1, "test_accuracy": 0.5}


def page_of(workdir):
    assert make_report(workdir) == []
    return " ".join(workdir.page.read_text(encoding="utf-8").split())


def test_runs_that_do_not_fit_alike_are_named_before_they_are_measured(workdir):
    for regime, accuracy in (("SB", 0.99), ("LB", 0.6)):
        write_run(workdir, paper_run(regime, 0), batch=metrics(accuracy))
    page = page_of(workdir)
    assert "F1 on mnist: LB is as accurate on the test set, in one trial, which decides no contrast." in page
    assert "SB fits 99.00 % of the training set and LB 60.00 %, so that the two are not comparable." in page


def test_the_first_sentence_tells_the_trials_of_accuracies_and_of_sharpness(paper_workdir):
    for path in paper_workdir.path.glob("runs/F1-*-trial[12]-*/sharpness/*"):
        path.unlink()
    page = page_of(paper_workdir)
    sentence = re.search(r"<b>F1 on mnist: (.*?)</b>", page).group(1)
    assert sentence.endswith("the accuracy in 3 trials and the sharpness in 1.") and "geometric" not in sentence


def test_a_ratio_is_called_one_of_geometric_means(drawn_paper):
    page = " ".join(drawn_paper.page.read_text(encoding="utf-8").split())
    assert re.search(r"times as sharp as SB \(ε\s=\s1e-3 and 5e-4, geometric means\)", page)
    for number in (2, 3, 4):
        text = (drawn_paper.tables / f"table{number}.md").read_text(encoding="utf-8")
        assert (NOTE_ON_RATIOS in text) is (number > 2)


def test_a_row_on_the_papers_data_without_gates_is_not_called_other_data(paper_workdir):
    fixtures.write_measurement(paper_workdir.run(paper_run("LB", 0)), Sharpness(iterations=20), 9.0)
    rows = re.findall(r'<th scope="row">F1<small>mnist<br>iterations 20.*?</tr>', page_of(paper_workdir))
    assert rows and "not the paper’s data" not in rows[0]


def test_gates_that_are_not_judged_are_not_counted(workdir, monkeypatch):
    """As if the paper's sharpness of F1 contradicted itself in the full space too."""
    printed = paper.table(3)
    doubtful = {name: dataclasses.replace(entry, doubt="as printed: no") if name.startswith("eps5e-4") else entry
                for name, entry in printed["F1"].items()}
    monkeypatch.setattr(paper, "table", lambda number, table=paper.table: (
        {**printed, "F1": doubtful} if number == 3 else table(number)))
    for regime, trial in ((regime, trial) for regime in ("SB", "LB") for trial in range(2)):
        fixtures.write_measurements(write_run(workdir, paper_run(regime, trial)))
    rows = re.findall(r'<th scope="row">F1<small>mnist.*?</tr>', page_of(workdir))
    assert re.search(r"</b> of 6<small>2 not judged</small>", rows[0]), rows[0][-200:]


def test_a_ratio_at_one_epsilon_alone_is_told(workdir):
    for regime in ("SB", "LB"):
        fixtures.write_measurement(write_run(workdir, paper_run(regime, 0)), Sharpness(seed=0),
                                   {"SB": 2.0, "LB": 80.0}[regime])
    page = page_of(workdir)
    assert re.search(r"LB is 40 times as sharp as SB \(ε\s=\s1e-3\) and [\d.]+ points", page)
    assert re.search(r"In the paper it is 191 times as sharp as SB \(ε\s=\s1e-3, geometric means\) and 0.22", page)


def test_an_interval_and_a_prediction_have_columns_of_their_own(workdir):
    for regime in ("SB", "LB"):
        write_run(workdir, paper_run(regime, 0))
    (entry,) = [each for each in verify(workdir)[0] if (each.network, each.name) == ("F1", "test_SB")]
    one = record(entry)
    assert one["interval_low"] is None and one["prediction_low"] < 98 < one["prediction_high"]
    for regime in ("SB", "LB"):
        write_run(workdir, paper_run(regime, 1))
    (entry,) = [each for each in verify(workdir)[0] if (each.network, each.name) == ("F1", "test_SB")]
    two = record(entry)
    assert two["prediction_low"] is None and two["interval_low"] < two["interval_high"]


def test_the_means_of_a_line_are_over_the_same_trials(paper_workdir):
    """Three plain trials are measured; of the trials with another loss, the last is."""
    for regime in ("SB", "LB"):
        for trial in range(3):
            changed = write_run(paper_workdir, other(paper_run(regime, trial), training_loss="mean_squared_error"),
                                batch=metrics(0.9 + trial / 100))
            if trial == 2:
                fixtures.write_measurement(changed, Sharpness(seed=2), 7.0)
    _, lines = experiments.get("losses").listing(Store(paper_workdir))
    assert [line.cells[3] for line in lines if line.cells[2] == "mean squared error"] == ["1", "1"]
    assert [line.cells[4] for line in lines if line.cells[2] == "mean squared error"] == pytest.approx([92.0, 92.0])
    assert [len(line.runs) for line in lines if line.cells[2] == "mean squared error"] == [1, 1]


def test_the_record_tells_the_size_of_a_test_set_that_the_catalog_leaves_open(workdir):
    write_run(workdir, Run(network="F2", regime="LB", trial=0, dataset="timit_shaped", batch_size=3495))
    (finished,) = Store(workdir).runs
    assert answers.one_example(finished) == 100 / 15_050


def test_equal_values_are_not_certain():
    text = answers.difference([0.5, 0.5], "points", resolution=0.1)
    low, high = re.search(r"interval (\S+) to (\S+),", text).groups()
    assert float(low.replace("−", "-")) < 0.5 < float(high)


def test_another_form_of_a_network_is_told(workdir):
    assert experiments.base.place(paper_run("SB", 0, network="C1")) == "C1 on cifar10"
    text = other(paper_run("SB", 0, network="C1"), architecture="text")
    assert experiments.base.place(text) == "C1 on cifar10 (architecture text)"


def test_spreads_are_of_one_machine(workdir):
    """The usual value was measured on another machine than that of float64, which also has a usual value of its own."""
    usual = Sharpness(starts=1, examples=500)
    for regime in ("SB", "LB"):
        record = write_run(workdir, paper_run(regime, 0))
        fixtures.write_measurement(record, usual, 100.0, machine={"processor": "old"})
        fixtures.write_measurement(record, dataclasses.replace(usual, dtype="float64"), 110.0,
                                   machine={"processor": "new"})
        fixtures.write_measurement(record, dataclasses.replace(usual, starts=4), 110.0, loss=0.0,
                                   start_max_losses=[1.1, 1.0, 0.9, 1.05], machine={"processor": "new"})
    listing = experiments.get("spreads").listing
    assert [line.cells[2:5] for line in listing(Store(workdir))[1]] == [
        ("the random starts", "90 to 110", pytest.approx(1.1 / 0.9))]
    for regime in ("SB", "LB"):
        fixtures.write_measurement(workdir.run(paper_run(regime, 0)), usual, 109.0, machine={"processor": "new"})
    assert [(line.cells[2], line.cells[4]) for line in listing(Store(workdir))[1]][1:] == [
        ("the precision", pytest.approx(110 / 109))]
