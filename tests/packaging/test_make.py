"""Which Python `make` takes."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.scripts import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def _make(folder, *targets):
    """Runs make where only the programs in a folder, and a shell, are to be found; it prints the commands alone."""
    for program in ("sh", "uname", "make"):
        (folder / program).symlink_to(shutil.which(program))
    # Not what a make that runs these tests has set.
    inherited = {name: value for name, value in os.environ.items()
                 if name != "PYTHON" and not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run([folder / "make", "--dry-run", "--always-make", "SHELL=" + str(folder / "sh"), *targets],
                          cwd=ROOT, env={**inherited, "PATH": str(folder)}, capture_output=True, text=True)


def test_make_takes_a_later_python_where_there_is_no_older_one(tmp_path):
    # The name decides; it is this Python, which has the modules.
    (tmp_path / "python3.12").write_text(f"#!{tmp_path / 'sh'}\nexec {sys.executable} \"$@\"\n")
    (tmp_path / "python3.12").chmod(0o755)
    finished = _make(tmp_path, ".venv/installed")
    assert finished.returncode == 0 and finished.stdout.startswith("python3.12 -m venv .venv\n"), finished.stderr


@pytest.mark.parametrize("target", [".venv/installed", "oldest", "quick"])
def test_without_a_python_one_line_says_what_to_install(target, tmp_path):
    finished = _make(tmp_path, target)
    assert finished.returncode == 2 and finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert line.endswith("no Python 3.11, 3.12 or 3.13 with the module venv; install python3.11 and python3.11-venv.  "
                         "Stop.")
