"""Flag of the data set."""

from absl import flags

from replication import catalog, errors
from replication.errors import UserError

DATASET = flags.DEFINE_string(
    "dataset", None,
    f"Data set: {', '.join(catalog.DATASETS)}. Without it, the network's own, as in the paper.")


def dataset(default=None):
    """The data set asked for, or else `default`, such as the network's own.

    Raises:
        UserError: the name is unknown, or there is none and no default.
    """
    name = default if DATASET.value is None else DATASET.value
    if name is None:
        raise UserError(f"--dataset: required, one of {', '.join(catalog.DATASETS)}")
    errors.require_name("--dataset", name, catalog.DATASETS)
    return name
