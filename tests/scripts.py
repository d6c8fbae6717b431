"""The entry scripts as a user runs them."""

import os
import pathlib
import runpy
import subprocess
import sys

from replication import machine
from tests import forked, script_cases

ROOT = pathlib.Path(__file__).parent.parent
_PACKAGES = ("replication", "models", "flags", "tests")


def script(name, *arguments, env=None):
    """Returns the `subprocess.CompletedProcess` of `python -m replication.NAME`.

    The process is forked from one that has imported TensorFlow, which saves most of its time.

    Args:
        name, arguments: Of the script.
        env: Variables to add to its environment; with any, Python is started anew.
    """
    return fresh_script(name, *arguments, env=env) if env else module(f"replication.{name}", *arguments)


def module(name, *arguments, env=None):
    """Returns the same of `python -m NAME`, in a forked process."""
    child = forked.Child(run_module, name, list(map(str, arguments)), environment=env)
    output, errors = child.communicate()
    return subprocess.CompletedProcess([name, *arguments], child.poll(), output, errors)


def program(path, folder, *, project=ROOT):
    """Returns the same of a Python file that is run in a folder, in a forked process.

    Args:
        path, folder: As above.
        project: Folder of the packages `replication`, `models` and `flags` that the file imports.
    """
    child = forked.Child(_program, str(path), str(folder), str(project))
    output, errors = child.communicate()
    return subprocess.CompletedProcess([path], child.poll(), output, errors)


def fresh_script(name, *arguments, env=None):
    """Returns the same of a Python that is started anew, for what the import of TensorFlow must not do."""
    return subprocess.run([sys.executable, "-m", f"replication.{name}", *map(str, arguments)], cwd=ROOT, text=True,
                          capture_output=True, timeout=300, env={**os.environ, **(env or {})})


def succeed(name, *arguments):
    """Returns the standard output of a script, which must end well."""
    process = script(name, *arguments)
    assert process.returncode == 0, process.stderr
    return process.stdout


def cases(name, command_lines):
    """Returns the `subprocess.CompletedProcess` of each of several command lines that end before any work.

    They share one process, see `tests.script_cases`.
    """
    found = forked.call(script_cases.outcomes, name, [list(map(str, arguments)) for arguments in command_lines])
    return [subprocess.CompletedProcess(arguments, *outcome) for arguments, outcome in zip(command_lines, found)]


def run_module(name, arguments):
    """Runs `python -m NAME` with arguments in this process, a forked one."""
    os.chdir(ROOT)
    # As TensorFlow does at its import in a script.
    machine.find_devices()
    sys.argv[1:] = arguments
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _program(path, folder, project):
    os.chdir(folder)
    machine.find_devices()
    sys.path[:0] = [project, str(ROOT)]
    if project != str(ROOT):
        for name in [name for name in sys.modules if name.partition(".")[0] in _PACKAGES]:
            del sys.modules[name]
    sys.argv[:] = [path]
    runpy.run_path(path, run_name="__main__")


def assert_one_line(process, *words):
    """Exit code 1, and an error of one line that has these words in it."""
    lines = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
    assert process.returncode == 1, process.stderr
    assert "Traceback" not in process.stderr
    assert len(lines) == 1, process.stderr
    for word in words:
        assert str(word) in lines[0]
