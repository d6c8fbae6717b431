"""What `reproduce` says before it starts and when it ends."""

import re

from replication import records
from tests.report import fixtures
from tests.scripts import assert_one_line, script, succeed


def test_a_dry_run_tells_what_would_run_and_writes_nothing(tmp_path):
    printed = succeed("reproduce", "--preset=quick", "--dry_run", "--experiments=figure4", "--networks=F1",
                      "--batch_sizes=8,144", "--jobs=2", f"--workdir={tmp_path / 'work'}")
    lines = [re.split(r"\s{2,}", line.strip()) for line in printed.splitlines()]
    assert lines[0] == ["network", "what", "tasks", "done", "left in 2 processes, about"]
    assert [line[:4] for line in lines[2:4]] == [["F1", "training", "2", "0"], ["F1", "sharpness", "2", "0"]]
    assert lines[-1][:3] == ["all", "4", "0"] and re.fullmatch(r"0:\d\d:\d\d", lines[-1][3])
    assert not (tmp_path / "work").exists()


def test_the_last_line_is_the_page_and_problems_make_the_exit_code_1(tmp_path):
    """Everything is on disk, so that nothing is trained."""
    workdir = records.Workdir.create(tmp_path / "work")
    fixtures.write_tasks(workdir, [task for task in fixtures.tasks_of("quick") if task.run.network == "F1"])
    arguments = ("--preset=quick", "--jit_compile=off", "--experiments=table2,table3,table4", "--networks=F1",
                 f"--workdir={workdir.path}")
    printed = succeed("reproduce", *arguments).splitlines()
    assert printed[-1] == f"report: {workdir.page}" and workdir.page.exists()
    damaged = workdir.run(fixtures.quick_run("LB", 0))
    damaged.final_weights.write_bytes(b"broken")
    process = script("reproduce", *arguments)
    assert process.returncode == 1 and f"{damaged.final_weights}: damaged" in process.stderr
    assert process.stdout.splitlines()[-1] == f"report: {workdir.page}"
    assert_one_line(script("reproduce", *arguments[:-1], f"--workdir={damaged.final_weights}"), damaged.final_weights)
