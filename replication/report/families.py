"""Runs that belong together outside the paper's tables: figure 4's grid, figure 5's warm starts, variants."""

import dataclasses

from replication.experiments import MAIN
from replication.report.grouping import buckets, distinguish, fields, key, place


@dataclasses.dataclass(frozen=True)
class Family:
    """Runs of one network, data set and trial that make one plot.

    Attributes:
        members: The `Minimizer`s, in the order of what distinguishes them.
        label: What tells it from other families of the network and data set; "" if there is none.
        source: Of warm starts: the `Minimizer` whose iterates they start from, or None.
        reference: Of warm starts: the `Minimizer` that starts from x_0 and is trained in the same way, or None.
    """

    members: tuple
    label: str = ""
    source: object = None
    reference: object = None

    run = property(lambda self: self.members[0].run)


def grids(minimizers):
    """Figure 4's families: runs that differ in the batch size alone, by batch size.

    SB and LB count where they differ in nothing else. A family has two batch sizes or more, at least one of them
    a "grid" run, and is not merely what figure 5's warm starts refer to; of several trials the lowest is taken.
    """
    referred = {m.name for family in warm_starts(minimizers) for m in (family.source, family.reference) if m}
    plain = [minimizer for minimizer in minimizers if _is_plain(minimizer.run) and minimizer.run.start is None]
    found = []
    for _, group in buckets(plain, lambda m: key(m, "regime", "batch_size")):
        trials = []
        for _, members in buckets(group, lambda m: m.run.trial):
            by_size = {m.run.batch_size: m for m in members}
            if (len(by_size) >= 2 and any(m.run.regime == "grid" for m in members)
                    and not referred.issuperset(m.name for m in members)):
                trials.append(tuple(by_size[size] for size in sorted(by_size)))
        found += [Family(members) for members in trials[:1]]
    return _labelled(found, "regime", "batch_size")


def warm_starts(minimizers):
    """Figure 5's families: runs that go on from the iterates of one run, by the number of its epochs."""
    by_name = {minimizer.name: minimizer for minimizer in minimizers}
    started = [minimizer for minimizer in minimizers if _is_plain(minimizer.run) and minimizer.run.start]

    def family(minimizer):
        source = by_name.get(minimizer.run.start.run)
        return key(minimizer, "start"), key(source) if source else minimizer.run.start.run

    found = []
    for _, group in buckets(started, family):
        trial = min(m.run.trial for m in group)
        members = sorted((m for m in group if m.run.trial == trial), key=lambda m: m.run.start.epoch)
        first = members[0]
        reference = [m for m in minimizers if m.run.start is None and m.run.trial == trial
                     and key(m, "start", "regime") == key(first, "start", "regime")]
        found.append(Family(tuple(members), source=by_name.get(first.run.start.run), reference=(*reference, None)[0]))
    return _labelled(found, "start")


def variants(minimizers, comparison, *without):
    """The LB runs that differ from those of a `Comparison` in some fields alone.

    Args:
        minimizers: `Minimizer`s.
        comparison: A `grouping.Comparison` with LB runs.
        without: The fields.

    Returns:
        A list of groups, each with the trials of one configuration.
    """
    wanted = key(comparison.large[0], *without)
    found = [minimizer for minimizer in minimizers if minimizer.run.regime == "LB" and minimizer.run not in MAIN
             and key(minimizer, *without) == wanted]
    return [sorted(group, key=lambda m: m.run.trial) for _, group in buckets(found, key)]


def _is_plain(run):
    return (run.optimizer, run.precision, run.remedy) == ("adam", "float32", None)


def _labelled(families, *without):
    result = []
    for _, group in buckets(families, lambda family: place(family.run)):
        labels = distinguish([fields(family.members[0], *without) for family in group])
        result += [dataclasses.replace(family, label=label) for family, label in zip(group, labels)]
    return result
