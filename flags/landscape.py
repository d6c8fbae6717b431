"""Flags of the parametric plots."""

from absl import flags

from flags.define import define, values
from replication import catalog, configuration

NETWORK = flags.DEFINE_enum(
    "network", None, list(catalog.NETWORKS), "Network whose minimizers are joined; by default all in --workdir.")
_PATH = define(configuration.Path, "kind", "points", "statistics")


def path():
    """Returns the `configuration.Path` that the flags describe."""
    return configuration.Path(**values(_PATH))
