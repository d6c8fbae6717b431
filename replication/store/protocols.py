"""By which measurements the runs of a comparison are set side by side, and which of them decide."""

import collections

from replication.configuration import presets
from replication.store.grouping import REGIMES, buckets, distinguish, sort_key
from replication.store.runs import in_order, protocol_of


def measured(compared, subspace_dim, regimes=REGIMES):
    """Returns each comparison with each protocol by which the sharpness of its runs was measured in a space.

    One protocol of a comparison is the usual one: that of the preset, or else one that differs in more starts alone,
    which can only find more. If there are several, it is the one with the most measurements at the paper's epsilons.

    Args:
        compared: `Comparison`s.
        subspace_dim: p, or 0 for the full space.
        regimes: The regimes whose measurements count; by default both.

    Returns:
        A list of (comparison, protocol, label, whether it is the usual one). The label tells rows of a network and data
        set apart; the usual protocol needs none. A comparison without usual measurements has the protocol None for
        them.
    """
    result = []
    for _, members in buckets(compared, sort_key):
        found = []
        for comparison in members:
            run = (*comparison.small, *comparison.large)[0].run
            usual = protocol_of(presets.usual_sharpness(run, subspace_dim))
            protocols = [protocol for regime, side in comparison.sides() if regime in regimes for each in side
                         for protocol in each.protocols(subspace_dim)]
            deciding = _deciding(protocols, usual)
            found += [(comparison, protocol, protocol or usual, protocol == deciding)
                      for protocol in (*([None] if deciding is None else []), *in_order(set(protocols)))]
        differences = distinguish([dict(described) for _, _, described, _ in found])
        result += [(comparison, protocol,
                    ", ".join(filter(None, (comparison.label, "" if is_usual else difference))), is_usual)
                   for (comparison, protocol, _, is_usual), difference in zip(found, differences)]
    return result


def _deciding(protocols, usual):
    """Returns the usual one of the protocols by which runs were measured, see `measured`; None if none is usual.

    Args:
        protocols: The protocols, one for each measurement.
        usual: The preset's own.
    """
    def admits(protocol):
        values = dict(protocol)
        return values["starts"] >= dict(usual)["starts"] and all(
            values[name] == value for name, value in usual if name != "starts")

    counts = collections.Counter(filter(admits, protocols))
    return max(in_order(counts), key=lambda protocol: (counts[protocol], protocol == usual), default=None)
