"""The benchmark of the solver's arithmetic runs, and refuses sizes that are none."""

import json

from tests.scripts import assert_one_line, module


def _run(*arguments):
    return module("benchmarks.solver", *arguments)


def test_it_writes_a_row_for_each_size(tmp_path):
    finished = _run("--sizes=100,2000", "--rounds=1", f"--output={tmp_path / 'found.json'}")
    assert finished.returncode == 0, finished.stderr
    rows = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["rows"]
    assert [row["what"] for row in rows] == [
        f"10 iterations, n = {size} : SciPy's front end" for size in ("100", "2,000")]
    assert all(row["ratio"] > 0 for row in rows)


def test_sizes_that_are_none_are_one_line():
    finished = _run("--sizes=100,many")
    assert_one_line(finished)
    assert finished.stderr.endswith(
        "error: --sizes=100,many: expected positive whole numbers, separated by commas\n")
