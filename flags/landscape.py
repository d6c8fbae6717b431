"""Flags of the parametric plots."""

from absl import flags

from replication import catalog, configuration, errors

_NETWORK = flags.DEFINE_string(
    "network", None, "Network of table 1 whose minimizers are joined; by default all that --workdir holds.")
_PATH = flags.DEFINE_string("path", "linear", "The path: linear (figure 3) or curved (figure 7).")
_POINTS = flags.DEFINE_integer("points", 25, "Points on the path, alpha in [-1, 2] (the authors' code: 25).")
_STATISTICS = flags.DEFINE_string(
    "statistics", "batch", "What batch normalization uses: batch, or moving averages estimated anew at each point.")


def network():
    """The network asked for, or None for all.

    Raises:
        UserError: it is unknown.
    """
    if _NETWORK.value is not None:
        errors.require_name("network", _NETWORK.value, catalog.NETWORKS)
    return _NETWORK.value


def path():
    """The `configuration.Path` that the flags describe."""
    return configuration.Path(kind=_PATH.value, points=_POINTS.value, statistics=_STATISTICS.value)
