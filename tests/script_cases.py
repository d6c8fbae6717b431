"""Runs an entry script once for each of several command lines, in one process, and prints what each did.

    python -m tests.script_cases NAME < CASES.json

The cases are lists of arguments; the result is a list with the exit code and the standard error of each. Starting a
process and importing the package takes longer than refusing a flag.
"""

import contextlib
import importlib
import io
import json
import sys

from absl import flags

from replication import entry


def outcome(module, name, arguments):
    """Returns the exit code and the standard error of `python -m replication.NAME ARGUMENTS`."""
    sys.argv = [name, *arguments]
    flags.FLAGS.unparse_flags()
    for flag in flags.FLAGS:
        flags.FLAGS[flag].unparse()
    errors, code = io.StringIO(), 0
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            entry.run(module.main)
        except SystemExit as exit:
            code = exit.code
    return {"code": code, "errors": errors.getvalue()}


if __name__ == "__main__":
    script = importlib.import_module(f"replication.{sys.argv[1]}")
    print(json.dumps([outcome(script, sys.argv[1], arguments) for arguments in json.load(sys.stdin)]))
