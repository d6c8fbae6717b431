"""The entry scripts as a user runs them."""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent


def script(name, *arguments, env=None):
    """The `subprocess.CompletedProcess` of `python -m replication.NAME`.

    Args:
        name, arguments: Of the script.
        env: Variables to add to its environment.
    """
    return subprocess.run([sys.executable, "-m", f"replication.{name}", *map(str, arguments)], cwd=ROOT, text=True,
                          capture_output=True, timeout=300, env={**os.environ, **(env or {})})


def cases(name, command_lines):
    """The `subprocess.CompletedProcess` of each of several command lines of a script that end before any work.

    They share one process, see `tests.script_cases`.
    """
    process = subprocess.run(
        [sys.executable, "-m", "tests.script_cases", name], cwd=ROOT, text=True, capture_output=True, timeout=300,
        input=json.dumps([list(map(str, arguments)) for arguments in command_lines]))
    assert process.returncode == 0, process.stderr
    return [subprocess.CompletedProcess(arguments, found["code"], "", found["errors"])
            for arguments, found in zip(command_lines, json.loads(process.stdout))]
