"""The flag of the workdir."""

from absl import flags

from replication import errors

_WORKDIR = flags.DEFINE_string("workdir", "work", "Folder of the records, tables, figures and the report.")


def path():
    """The folder's path, as given.

    Raises:
        UserError: it is empty.
    """
    errors.require(_WORKDIR.value, "workdir", _WORKDIR.value, "a folder")
    return _WORKDIR.value
