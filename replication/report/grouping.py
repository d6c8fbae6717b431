"""Which minimizers may be averaged and compared: never those of different configurations.

Trials of one configuration form a group. An SB and an LB group of a network and data set are compared
if they are the only ones, or if they differ in nothing but the batch size; any other group stands alone.
Groups on different data (another fingerprint) are never compared. Which runs are looked at is a
`experiments.Selection`.
"""

import dataclasses
import itertools

from replication import catalog


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

    def runs(self):
        """By regime, the names of the runs."""
        return {regime: tuple(minimizer.name for minimizer in minimizers) for regime, minimizers in self.sides()}

    def pairs(self):
        """The SB and the LB minimizer of each trial that has both."""
        large = {minimizer.run.trial: minimizer for minimizer in self.large}
        return [(small, large[small.run.trial]) for small in self.small if small.run.trial in large]

    def lowest_trial(self, has):
        """By regime the minimizer of one trial: the lowest in which both regimes are of use, or else one.

        Args:
            has: Function from a `Minimizer` to whether it is of use.
        """
        trials = {}
        for regime, minimizers in self.sides():
            for minimizer in filter(has, minimizers):
                trials.setdefault(minimizer.run.trial, {})[regime] = minimizer
        return max((found for _, found in sorted(trials.items())), key=len, default={})


def comparisons(minimizers, selection):
    """The `Comparison`s of those of a list of `Minimizer`s that a selection has, by network, data set and label.

    Where it has SB and LB runs of different remedies, SB alone makes no comparison.
    """
    chosen = [minimizer for minimizer in minimizers if minimizer.run in selection]
    different = selection.small != selection.large
    result = []
    for (_, network, dataset), members in buckets(chosen, lambda m: place(m.run)):
        pairs = _pairs(members, ("remedy", "jit_compile") if different else ())
        pairs = [(small, large) for small, large in pairs if large or not different]
        labels = _labels(pairs)
        result += [Comparison(network, dataset, label, small, large)
                   for label, (small, large) in sorted(zip(labels, pairs), key=lambda item: item[0])]
    return result


def measured(compared, subspace_dim, regimes):
    """Each comparison with each way in which its minimizers were measured in a space.

    Args:
        compared: `Comparison`s.
        subspace_dim: p, or 0 for the full space.
        regimes: Those whose measurements count.

    Returns:
        A list of (comparison, way, label): the label tells rows of a network and data set apart. A
        comparison without a measurement comes once, with the way None.
    """
    result = []
    for _, members in buckets(compared, place):
        found = [(comparison, way) for comparison in members
                 for way in _ways(comparison, subspace_dim, regimes) or [None]]
        differences = distinguish([dict(way or ()) for _, way in found])
        result += [(comparison, way, ", ".join(filter(None, (comparison.label, difference if way else ""))))
                   for (comparison, way), difference in zip(found, differences)]
    return result


def first_lines(lines):
    """The lowest trial's line of each pair of configurations and choices, with its label.

    Args:
        lines: `Line`s.
    """
    result = []
    for _, members in buckets(lines, place):
        firsts = [
            min(group, key=lambda line: line.trial)
            for _, group in buckets(members, lambda line: (key(line.small), key(line.large), line.choices.digest()))
        ]
        labels = zip(_labels([((line.small,), (line.large,)) for line in firsts]),
                     distinguish([line.choices.to_json() for line in firsts]))
        result += [dataclasses.replace(line, label=", ".join(filter(None, parts)))
                   for line, parts in zip(firsts, labels)]
    return result


def distinguish(descriptions):
    """For each dictionary its fields that are not the same in all of them, as text.

    A field that a dictionary lacks does not count as different.
    """
    descriptions = [{name: _text(name, value) for name, value in each.items()} for each in descriptions]
    values = {}
    for name, value in (item for description in descriptions for item in description.items()):
        values.setdefault(name, set()).add(value)
    return [", ".join(f"{name.replace('_', ' ')} {value}" for name, value in description.items()
                      if len(values[name]) > 1)
            for description in descriptions]


def buckets(things, by):
    """Pairs of a key and the list of things that have it, by key."""
    return [(value, list(group)) for value, group in itertools.groupby(sorted(things, key=by), by)]


def place(run):
    """The place of what has a network and a data set: networks in the paper's order, then data sets."""
    return list(catalog.NETWORKS).index(run.network), run.network, run.dataset


def fields(minimizer, *without):
    """The configuration without the trial, and the data: what must agree before trials are averaged."""
    run = minimizer.run
    content = run.to_json() | {
        "remedy": run.remedy and run.remedy.label,
        "start": run.start and f"epoch {run.start.epoch} of {run.start.run}",
        "distribution": run.distribution and run.distribution.label,
        "data": str(minimizer.config["data"].get("fingerprint"))[:12],
    }
    return {name: value for name, value in content.items() if name not in ("trial", *without)}


def key(minimizer, *without):
    """The same as text that can be sorted."""
    return repr(fields(minimizer, *without))


def _pairs(minimizers, apart):
    """Pairs of an SB and an LB group; two groups of a pair may differ in the fields `apart` as well."""
    groups = {regime: [tuple(sorted(group, key=lambda m: m.run.trial)) for _, group in buckets(
        [m for m in minimizers if m.run.regime == regime], key)] for regime in ("SB", "LB")}
    small, large = groups["SB"], groups["LB"]
    only_two = len(small) == len(large) == 1

    def common(group):
        return fields(group[0])["data"] if only_two else key(group[0], "regime", "batch_size", *apart)

    pairs = [(s, l) for s in small for l in large if common(s) == common(l)]
    paired = [group for pair in pairs for group in pair]
    return pairs + [(s, ()) for s in small if s not in paired] + [((), l) for l in large if l not in paired]


def _labels(pairs):
    """For each pair of an SB and an LB group, one of which may be empty, what tells it from the others."""
    sides = [
        {regime: {name: _text(name, value)
                  for name, value in fields(group[0], "network", "regime", "dataset").items()}
         for regime, group in zip(("SB", "LB"), pair) if group}
        for pair in pairs
    ]
    names = list(next(iter(sides[0].values()))) if sides else []
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


def _text(name, value):
    if value is None:
        return "by the stopping rule" if name == "epochs" else "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _ways(comparison, subspace_dim, regimes):
    return sorted({
        measurement.way for regime, minimizers in comparison.sides() if regime in regimes
        for minimizer in minimizers for measurement in minimizer.measurements
        if measurement.choices.subspace_dim == subspace_dim
    })
