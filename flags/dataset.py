"""Flag of the data set."""

from flags.define import define
from replication import catalog, configuration
from replication.errors import UserError

DATASET = define(configuration.Run, "dataset", defaults={"dataset": None})["dataset"]


def dataset(default=None):
    """Returns the data set asked for, or else `default`, such as the network's own.

    Raises:
        UserError: there is neither.
    """
    name = default if DATASET.value is None else DATASET.value
    if name is None:
        raise UserError(f"--dataset: required, one of {', '.join(catalog.DATASETS)}")
    return name
