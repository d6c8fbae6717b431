"""Runs an entry script once for each of several command lines, in one process.

Importing the script and defining its flags takes longer than refusing one.
"""

import contextlib
import importlib
import io
import sys

from absl import flags

from replication import entry, machine
from tests import networks  # noqa: F401  registers S1 to S3


def outcomes(name, command_lines):
    """Returns the exit code, standard output and error of `python -m replication.NAME` with each list of arguments."""
    machine.find_devices()
    module = importlib.import_module(f"replication.{name}")
    return [_outcome(module, name, arguments) for arguments in command_lines]


def _outcome(module, name, arguments):
    sys.argv = [name, *arguments]
    flags.FLAGS.unparse_flags()
    for flag in flags.FLAGS:
        flags.FLAGS[flag].unparse()
    output, errors, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(output):
        try:
            entry.run(module.main)
        except SystemExit as exit:
            code = exit.code or 0
    return code, output.getvalue(), errors.getvalue()
