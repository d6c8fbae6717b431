"""Flag of the workdir."""

import os

from absl import flags

from replication.errors import require

WORKDIR = flags.DEFINE_string("workdir", "work", "Folder of the records, tables, figures and the report.")


def path():
    """Returns the folder's path, a leading ~ being the user's home.

    Raises:
        UserError: it is empty.
    """
    require(WORKDIR.value, "workdir", WORKDIR.value, "a folder")
    return os.path.expanduser(WORKDIR.value)
