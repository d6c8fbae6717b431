"""What `reproduce` says before it starts."""

import re

from tests.scripts import succeed


def test_a_dry_run_tells_what_would_run_and_writes_nothing(tmp_path):
    printed = succeed("reproduce", "--preset=quick", "--dry_run", "--experiments=figure4", "--networks=F1",
                      "--batch_sizes=8,144", f"--workdir={tmp_path / 'work'}")
    lines = [re.split(r"\s{2,}", line.strip()) for line in printed.splitlines()]
    assert lines[0] == ["network", "what", "tasks", "done", "left in one process, about"]
    assert [line[:4] for line in lines[2:4]] == [["F1", "training", "2", "0"], ["F1", "sharpness", "2", "0"]]
    assert lines[-1][:3] == ["all", "4", "0"] and re.fullmatch(r"0:\d\d:\d\d", lines[-1][3])
    assert not (tmp_path / "work").exists()
