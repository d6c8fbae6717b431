"""The entry scripts as a user runs them."""

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
