"""Which minimizers may be averaged and compared: never those of different configurations.

Trials of one configuration form a group. An SB and an LB group of a network and data set are compared
if they are the only ones, or if they differ in nothing but the batch size; any other group stands alone.
Groups on different data (another fingerprint) are never compared.
"""

import dataclasses
import itertools


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The SB and the LB trials of a network that are set side by side.

    Attributes:
        network, dataset: Their names.
        label: What tells it from other comparisons of the network and data set; "" if there is none.
        small, large: The SB and the LB `Minimizer`s, by trial; one of the two may be empty.
    """

    network: str
    dataset: str
    label: str
    small: tuple
    large: tuple

    def sides(self):
        """The two regimes, each with its minimizers."""
        return (("SB", self.small), ("LB", self.large))

    def distances(self):
        """For each trial that has both: (trial, SB distance from x_0, LB distance, SB / LB or None)."""
        large = {minimizer.run.trial: minimizer.result["distance_from_start"] for minimizer in self.large}
        pairs = [(m.run.trial, m.result["distance_from_start"], large[m.run.trial])
                 for m in self.small if m.run.trial in large]
        return [(trial, s, l, s / l if l else None) for trial, s, l in pairs]


def comparisons(minimizers):
    """The `Comparison`s of a list of `Minimizer`s, by network, data set and label."""
    result = []
    for (network, dataset), members in _buckets(minimizers, lambda m: (m.run.network, m.run.dataset)):
        pairs = _pairs(members)
        labels = _labels(pairs)
        result += [Comparison(network, dataset, label, small, large)
                   for label, (small, large) in sorted(zip(labels, pairs), key=lambda item: item[0])]
    return result


def measured(compared, subspace_dim):
    """Each comparison with each way in which its minimizers were measured in a space.

    Args:
        compared: `Comparison`s.
        subspace_dim: p, or 0 for the full space.

    Returns:
        A list of (comparison, way, label): the label tells rows of a network and data set apart. A
        comparison without a measurement comes once, with the way None.
    """
    result = []
    for _, members in _buckets(compared, lambda comparison: (comparison.network, comparison.dataset)):
        found = [(comparison, way) for comparison in members
                 for way in _ways(comparison, subspace_dim) or [None]]
        differences = distinguish([dict(way or ()) for _, way in found])
        result += [(comparison, way, ", ".join(filter(None, (comparison.label, difference if way else ""))))
                   for (comparison, way), difference in zip(found, differences)]
    return result


def first_lines(lines, stem):
    """The lowest trial's line of each pair of configurations and choices.

    Args:
        lines: `Line`s.
        stem: Beginning of the files' names.

    Returns:
        A list of (line, name): the line with its label, and `stem`-network, numbered where there are several.
    """
    result = []
    for network, members in _buckets(lines, lambda line: line.network):
        firsts = [
            min(group, key=lambda line: line.trial)
            for _, group in _buckets(
                members, lambda line: (_key(line.small), _key(line.large), line.choices.digest()))
        ]
        labels = zip(_labels([((line.small,), (line.large,)) for line in firsts]),
                     distinguish([line.choices.to_json() for line in firsts]))
        for number, (line, parts) in enumerate(zip(firsts, labels), start=1):
            name = f"{stem}-{network}" if len(firsts) == 1 else f"{stem}-{network}-{number}"
            result.append((dataclasses.replace(line, label=", ".join(filter(None, parts))), name))
    return result


def distinguish(descriptions):
    """For each dictionary its fields that are not the same in all of them, as text.

    A field that a dictionary lacks does not count as different.
    """
    values = {}
    for name, value in (item for description in descriptions for item in description.items()):
        values.setdefault(name, set()).add(value)
    return [", ".join(f"{name.replace('_', ' ')} {value}" for name, value in description.items()
                      if len(values[name]) > 1)
            for description in descriptions]


def _buckets(things, key):
    return [(value, list(group)) for value, group in itertools.groupby(sorted(things, key=key), key)]


def _fields(minimizer, *without):
    """The configuration without the trial, and the data: what must agree before trials are averaged."""
    fields = minimizer.run.to_json() | {"data": str(minimizer.config["data"].get("fingerprint"))[:12]}
    return {name: value for name, value in fields.items() if name not in ("trial", *without)}


def _key(minimizer, *without):
    return repr(_fields(minimizer, *without))


def _pairs(minimizers):
    groups = {regime: [tuple(sorted(group, key=lambda m: m.run.trial)) for _, group in _buckets(
        [m for m in minimizers if m.run.regime == regime], _key)] for regime in ("SB", "LB")}
    small, large = groups["SB"], groups["LB"]
    only_two = len(small) == len(large) == 1

    def common(group):
        return _fields(group[0])["data"] if only_two else _key(group[0], "regime", "batch_size")

    pairs = [(s, l) for s in small for l in large if common(s) == common(l)]
    paired = [group for pair in pairs for group in pair]
    return pairs + [(s, ()) for s in small if s not in paired] + [((), l) for l in large if l not in paired]


def _labels(pairs):
    """For each pair of an SB and an LB group, one of which may be empty, what tells it from the others."""
    sides = [
        {regime: {name: _text(value)
                  for name, value in _fields(group[0], "network", "regime", "dataset").items()}
         for regime, group in zip(("SB", "LB"), pair) if group}
        for pair in pairs
    ]
    names = list(next(iter(sides[0].values())))
    varying = {name: _varying(name, sides) for name in names}
    return [", ".join(filter(None, (_label(name, side, varying[name]) for name in names))) for side in sides]


def _varying(name, sides):
    """The regimes that a field must be told of."""
    values = {regime: {side[regime][name] for side in sides if regime in side} for regime in ("SB", "LB")}
    alone = any(len(side) == 1 for side in sides)
    if alone and name != "batch_size" and len(values["SB"] | values["LB"]) > 1:
        return ("SB", "LB")
    return tuple(regime for regime in values if len(values[regime]) > 1)


def _label(name, side, varying):
    texts = {regime: fields[name] for regime, fields in side.items()}
    title = name.replace("_", " ")
    if name != "batch_size" and len(set(texts.values())) == 1:
        return f"{title} {next(iter(texts.values()))}" if varying else ""
    return ", ".join(f"{regime} {title} {text}" for regime, text in texts.items() if regime in varying)


def _text(value):
    if value is None:
        return "by the stopping rule"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _ways(comparison, subspace_dim):
    return sorted({
        measurement.way for _, minimizers in comparison.sides() for minimizer in minimizers
        for measurement in minimizer.measurements if measurement.choices.subspace_dim == subspace_dim
    })
