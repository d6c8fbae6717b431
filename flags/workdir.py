"""The flag of the workdir."""

from absl import flags

_WORKDIR = flags.DEFINE_string("workdir", "work", "Folder of the records, tables, figures and the report.")


def path():
    """The folder's path, as given."""
    return _WORKDIR.value
