"""The entry scripts as a user runs them."""

import shutil

import pytest

from replication import files
from tests.report.fixtures import paper_run
from tests.scripts import script


def test_make_report_prints_the_page(quick_workdir):
    result = script("make_report", f"--workdir={quick_workdir.path}")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{quick_workdir.page}\n", "")


@pytest.mark.parametrize("name", ["make_report", "verify"])
def test_absent_and_empty_workdirs_are_errors(name, tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        result = script(name, f"--workdir={path}")
        assert result.returncode == 1 and result.stdout == ""
        assert result.stderr.startswith("error: --workdir=") and result.stderr.count("\n") == 1


def test_make_report_draws_the_rest_of_a_damaged_workdir(paper_workdir):
    for trial in (1, 2):
        paper_workdir.run(paper_run("LB", trial)).final_weights.write_bytes(b"broken")
    result = script("make_report", f"--workdir={paper_workdir.path}")
    assert result.returncode == 1 and result.stdout == f"{paper_workdir.page}\n"
    assert len(result.stderr.splitlines()) == 2
    assert all(paper_run("LB", trial).name in result.stderr for trial in (1, 2))


def _measured(workdir, folder):
    """What `measure_sharpness` prints of a workdir whose data are not there, and its lines of errors."""
    result = script("measure_sharpness", f"--workdir={workdir.path}", f"--data_dir={folder}")
    return result.returncode, result.stdout, [line for line in result.stderr.splitlines() if "error: " in line]


def test_measurements_on_disk_are_shown_without_their_data(paper_workdir, tmp_path):
    """Those of versions that knew fewer choices are, too; those of other weights and incomplete ones are not."""
    names = [record.name for record in paper_workdir.runs()[0]]
    paths = sorted(paper_workdir.run(paper_run("LB", 1)).folder.glob("sharpness/*.json"))
    content = files.read_json(paths[0])
    for name in ("box", "normalize", "partition", "dtype"):
        del content["configuration"][name]
    files.write_json(paths[0], content)
    code, output, errors = _measured(paper_workdir, tmp_path)
    assert (code, errors) == (0, []) and [output.count(name) for name in names] == [4] * 6
    files.write_json(paths[0], {**content, "weights_checksum": "of other weights"})
    files.write_json(paths[1], {**files.read_json(paths[1]), "max_loss": None})
    code, output, (first, second) = _measured(paper_workdir, tmp_path)
    assert code == 1 and sorted(output.count(name) for name in names) == [2, 4, 4, 4, 4, 4]
    assert "was measured on other weights than the run's" in first and "'max_loss' is missing" in second
    paths[0].unlink()
    code, output, errors = _measured(paper_workdir, tmp_path)
    assert code == 1 and sorted(output.count(name) for name in names) == [2, 4, 4, 4, 4, 4], "one is to be made"
    assert any("mnist: not prepared" in error for error in errors)


def test_paths_on_disk_are_drawn_without_their_data(paper_workdir, tmp_path):
    for run in (paper_run(regime, trial) for regime in ("SB", "LB") for trial in (1, 2)):
        shutil.rmtree(paper_workdir.run(run).folder)
    result = script("plot_parametric", f"--workdir={paper_workdir.path}", f"--data_dir={tmp_path}")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == str(paper_workdir.figures)


def test_verify_replicated(paper_workdir):
    result = script("verify", f"--workdir={paper_workdir.path}", "--tables=2,3")
    assert (result.returncode, result.stderr) == (0, "")
    assert "98.04 ± 0.03 (3)" in result.stdout and "Table 4." not in result.stdout
    # All that decides is there, whichever tables are printed.
    lines = [line for line in result.stdout.partition("What decides")[2].splitlines() if line.startswith("F1")]
    assert [line.split()[1] for line in lines] == ["gate"] * 8 + ["endpoint"] * 4
    assert all("holds" in line or "in favour" in line for line in lines)


def test_verify_of_a_network_without_runs_is_undecided(paper_workdir):
    result = script("verify", f"--workdir={paper_workdir.path}", "--networks=C1")
    assert result.returncode == 3 and "Nothing is decided" in result.stdout


def test_verify_names_the_networks_that_have_no_runs_at_all(paper_workdir):
    """F1's records are of tables 2 to 4: its missing entries of table 7 are no missing runs."""
    absent, = (line for line in script("verify", f"--workdir={paper_workdir.path}").stdout.splitlines()
               if line.startswith("No runs of"))
    assert absent == "No runs of F2, C1, C2, C3, C4: their entries are missing."


def test_verify_not_replicated(paper_workdir):
    for trial in range(3):
        for path in paper_workdir.run(paper_run("LB", trial)).folder.glob("sharpness/*.json"):
            content = files.read_json(path)
            files.write_json(path, {**content, "sharpness": content["sharpness"] * 100})
    result = script("verify", f"--workdir={paper_workdir.path}", "--tables=2", "--networks=F1")
    assert result.returncode == 2 and "fails" in result.stdout and "against" in result.stdout


def test_verify_of_a_damaged_workdir_is_an_error(paper_workdir):
    paper_workdir.run(paper_run("LB", 0)).final_weights.write_bytes(b"broken")
    result = script("verify", f"--workdir={paper_workdir.path}", "--tables=2")
    assert result.returncode == 1 and "Table 2" in result.stdout and "damaged" in result.stderr


def test_verify_says_that_quick_shows_directions_only(quick_workdir):
    result = script("verify", f"--workdir={quick_workdir.path}")
    assert result.returncode == 3
    assert all(f"Table {number}." in result.stdout for number in (2, 3, 4, 6, 7))
    assert "only directions are judged" in result.stdout
    assert "not judged (mnist5k (a part of MNIST), not MNIST)" in result.stdout


@pytest.mark.parametrize("tables", ["9", "2,x", "", "5"])
def test_unknown_tables_are_an_error(tables, quick_workdir):
    result = script("verify", f"--workdir={quick_workdir.path}", f"--tables={tables}")
    assert result.returncode == 1
    assert result.stderr.startswith("error: --tables=") and "2, 3, 4, 6, 7" in result.stderr
    assert result.stderr.count("\n") == 1
