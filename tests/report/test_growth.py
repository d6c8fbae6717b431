"""The report of a replication that is under way: its order, what is drawn when, and its first words."""

import shutil

from replication import records
from replication.configuration import Measure, Sharpness, Train
from replication.configuration.tasks import arrange, merge
from replication.execution import Progress
from replication.report import Report, decisions, figures, headline, make_report, verify
from tests.report.fixtures import quick_run, write_replication, write_run
from tests.report.test_report import contents

SMALL, LARGE, OTHER = (quick_run("SB", 0), quick_run("LB", 0), quick_run("SB", 1))
BOTH, ONE = (Sharpness(epsilon=1e-3), Sharpness(epsilon=5e-4)), (Sharpness(epsilon=1e-3),)


def test_tasks_come_with_the_first_part_that_needs_them():
    parts = [[Measure((LARGE,), ONE)], [Train(OTHER), Measure((SMALL,), ONE)], [Measure((LARGE,), BOTH), Train(SMALL)]]
    tasks, numbers = arrange(parts)
    assert numbers == sorted(numbers)
    assert [(type(task), task.run, number) for task, number in zip(tasks, numbers)] == [
        (Train, LARGE, 0), (Measure, LARGE, 0), (Train, OTHER, 1), (Train, SMALL, 1), (Measure, SMALL, 1)]
    assert set(tasks) == set(merge(task for part in parts for task in part))
    # Both measurements of LB are one task.
    assert tasks[1].choices == BOTH


def test_a_part_is_complete_when_its_last_task_has_ended_and_something_was_done(capsys):
    progress = Progress([Train(SMALL), Train(LARGE), Train(OTHER)], [1.0, 0.0, 0.0], [0, 0, 1])
    ended = []
    for number in (0, 1, 2):
        progress.begin(number)
        ended.append(progress.end(number))
    assert ended == [False, True, False]
    # A task that was put off begins again.
    progress = Progress([Train(SMALL), Train(LARGE)], [1.0, 1.0])
    assert not progress.end(0)
    progress.begin(0)
    assert not progress.end(1) and progress.end(0)


def test_only_what_is_new_is_rendered_and_the_end_equals_make_report(quick_workdir, tmp_path, monkeypatch):
    rendered = []
    render = figures.render

    def counted(plot, **choices):
        rendered.append(plot.name)
        return render(plot, **choices)

    monkeypatch.setattr(figures, "render", counted)
    paths, hidden = quick_workdir.path / "paths", tmp_path / "hidden"
    shutil.move(paths, hidden)
    report = Report(quick_workdir)
    report.draw()
    assert "figure2-F1" in rendered
    rendered.clear()
    report.draw()
    assert rendered == []
    shutil.move(hidden, paths)
    report.draw()
    assert set(rendered) == {"figure3-F1"}
    grown = contents(quick_workdir)
    make_report(quick_workdir)
    assert contents(quick_workdir) == grown


def test_the_headline_has_three_lines_a_network(quick_workdir):
    lines = headline(Report(quick_workdir).draw()).splitlines()
    assert lines[0] == "F1 on mnist5k (a part of MNIST), trial 0"
    assert lines[1].startswith("  SB, batches of 32: test accuracy ") and "sharpness " in lines[1]
    assert lines[2].startswith("  LB, batches of 400: test accuracy ") and "(ε = 5e-4)" in lines[2]


def test_without_a_measured_pair_there_is_no_headline(tmp_path):
    assert headline(Report(records.Workdir.create(tmp_path)).draw()) == ""


def test_the_page_begins_with_what_was_found(paper_workdir, quick_workdir):
    for workdir in (paper_workdir, quick_workdir):
        make_report(workdir)
    page = paper_workdir.page.read_text()
    assert "<b>F1 on mnist: LB is " in page and "In the paper it is 191 and 71 times as sharp as SB" in page
    assert "0.22 points less accurate on the test set" in page
    assert page.count("geometric means)") == 2
    assert "84 times in a random subspace" in page and "By the rule, F1 as a whole is replicated." in page
    # Without table 4 nothing is decided, as `verify` says.
    for path in paper_workdir.path.glob("runs/*/sharpness/subspace*"):
        path.unlink()
    make_report(paper_workdir)
    assert "By the rule, F1 as a whole is undecided." in paper_workdir.page.read_text()
    assert decisions.exit_code(decisions.checks(verify(paper_workdir)[0])) == decisions.EXIT_UNDECIDED
    assert "accurate on the test set, in 3 trials." in page
    assert "<b>F1 on mnist5k (a part of MNIST): LB is " in quick_workdir.page.read_text()


def test_a_side_that_has_not_fitted_its_training_set_is_named_first(tmp_path):
    workdir = write_replication(tmp_path / "work", make_run=quick_run, trials=1)
    make_report(workdir)
    assert "of the training set and LB" not in workdir.page.read_text()
    record, = (record for record in workdir.runs()[0] if record.configuration.regime == "LB")
    write_run(workdir, record.configuration, batch={**record.result["batch"], "train_accuracy": 0.11})
    make_report(workdir)
    page = " ".join(workdir.page.read_text().split())
    assert ("which decides no contrast. But SB fits 99.69 % of the training set and LB 11.00 %, so that the two are "
            "not comparable.</b>") in page


def test_one_trial_is_no_verdict(tmp_path):
    workdir = write_replication(tmp_path / "work", make_run=quick_run, trials=1)
    make_report(workdir)
    page = " ".join(workdir.page.read_text().split())
    assert "accurate on the test set, in one trial, which decides no contrast." in page
    assert page.count("geometric means)") == 1, "the paper's, of five trials"
    assert "Nothing is decided: there is no plain run on the paper’s data." in page
