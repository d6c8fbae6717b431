"""Which finished runs may be averaged and compared: never those of different configurations or data.

Trials of one configuration form a group. An SB and an LB group are compared if their configurations differ in
nothing but the regime, the batch size and recomputation, and for tables 6 and 7 the remedy; a group without a
counterpart stands alone.
"""

import dataclasses
import itertools

from replication import catalog
from replication.configuration import presets

REGIMES = ("SB", "LB")
# The epsilons of the paper's tables, by their names in its columns.
EPSILONS = {"eps1e-3": 1e-3, "eps5e-4": 5e-4}
# The choices in which SB and LB of a comparison may differ. LB may have to recompute activations where SB need not.
_FREE = ("regime", "batch_size", "recompute")
# The fewest starting points that make a figure 5 whatever their run.
_FEWEST_STARTS = 3


@dataclasses.dataclass(frozen=True)
class Selection:
    """The runs that a table sets side by side: SB and LB as a preset trains them, except for a remedy of either.

    Attributes:
        small, large: Names of the remedies of the SB and of the LB runs; None for plain training.
    """

    small: str | None = None
    large: str | None = None

    @property
    def free(self):
        """The choices in which SB and LB of a comparison may differ."""
        return _FREE if self.small == self.large else (*_FREE, "remedy", "jit_compile")

    def admits(self, finished_run):
        """Whether a `FinishedRun`, its remedy taken away, is the preset's run but for trial, XLA and recomputation.

        A remedy with other options than the defaults is not the paper's.
        """
        run = finished_run.run
        remedy = run.remedy.NAME if run.remedy else None
        if (run.regime, remedy) not in zip(REGIMES, (self.small, self.large)):
            return False
        if run.remedy is not None and run.remedy != type(run.remedy)():
            return False
        return presets.is_plain_but_for(run, finished_run.resolved_dataset, "remedy")


MAIN = Selection()


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The SB and the LB trials of a network that are set side by side.

    Attributes:
        network, dataset: Their names.
        label: Its differences from other comparisons of the network and data set, as text; "" if there is no other.
        small, large: The SB and the LB `FinishedRun`s, by trial; one of the two may be empty.
    """

    network: str
    dataset: str
    label: str
    small: tuple
    large: tuple

    @property
    def where(self):
        """The comparison for readers, such as "C1 on cifar10 (architecture text)"."""
        where = f"{self.network} on {catalog.dataset_label(self.dataset)}"
        return f"{where} ({self.label})" if self.label else where

    @property
    def choices(self):
        """Those of its runs apart from XLA and those that may differ between SB and LB, as text."""
        return key((*self.small, *self.large)[0], *_FREE, "jit_compile")

    def sides(self):
        """Returns pairs of a regime and its runs, SB first."""
        return tuple(zip(REGIMES, (self.small, self.large)))

    def runs(self):
        """Returns the names of the runs by regime and trial."""
        return {regime: {each.run.trial: each.name for each in side} for regime, side in self.sides()}

    def pairs(self):
        """Returns the SB and the LB run of each trial that has both, as pairs."""
        large = {each.run.trial: each for each in self.large}
        return [(small, large[small.run.trial]) for small in self.small if small.run.trial in large]

    def lowest_trial(self, has):
        """Returns the runs of one trial by regime: of the lowest trial that has both regimes, or else one.

        Args:
            has: Function from a `FinishedRun` to whether it has the records that are wanted.
        """
        trials = {}
        for regime, side in self.sides():
            for each in filter(has, side):
                trials.setdefault(each.run.trial, {})[regime] = each
        return max((found for _, found in sorted(trials.items())), key=len, default={})


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs of one network, data set and trial that make one plot of figure 4 or 5.

    Attributes:
        members: The `FinishedRun`s, by batch size or by the epoch at which they start.
        label: Its differences from other groups of the network and data set, as text; "" if there is no other.
        source: Figure 5: the `FinishedRun` at whose iterates the members start; None if there is none.
        reference: Figure 5: the `FinishedRun` that is trained as the members are, but from x_0; None if there is none.
    """

    members: tuple
    label: str = ""
    source: object = None
    reference: object = None


def comparisons(finished_runs, selection=MAIN):
    """Returns the `Comparison`s of the runs that a `Selection` admits, by network, data set and label.

    If the selection has different remedies for SB and LB, SB alone makes no comparison.
    """
    result = []
    admitted = filter(selection.admits, finished_runs)
    for (_, network, dataset), members in buckets(admitted, lambda each: sort_key(each.run)):
        pairs = []
        for _, alike in buckets(members, lambda each: key(each, *selection.free)):
            small, large = ([trials for trials in _by_trial(alike) if trials[0].run.regime == regime]
                            for regime in REGIMES)
            pairs += itertools.product(small or [()], large or [()])
        pairs = [pair for pair in pairs if pair[1] or selection.free == _FREE]
        labelled = sorted(zip(_labels(pairs, selection.free), pairs), key=lambda item: item[0])
        result += [Comparison(network, dataset, label, *pair) for label, pair in labelled]
    return result


def first_paths(paths, kind, *, filter_normalized=False):
    """Returns the lowest trial's path of a kind for each comparison and each choice of a path, with its label."""
    alike = [path for path in paths if (path.choices.kind, path.choices.filter_normalized) == (kind, filter_normalized)
             and MAIN.admits(path.small) and MAIN.admits(path.large)
             and key(path.small, *_FREE) == key(path.large, *_FREE)]
    result = []
    for _, members in buckets(alike, lambda path: sort_key(path.small.run)):
        firsts = [min(group, key=lambda path: path.small.run.trial) for _, group in buckets(
            members, lambda path: (key(path.small), key(path.large), path.choices.digest()))]
        labels = zip(_labels([((path.small,), (path.large,)) for path in firsts], _FREE),
                     distinguish([path.choices.to_json() for path in firsts]))
        result += [dataclasses.replace(path, label=", ".join(filter(None, parts)))
                   for path, parts in zip(firsts, labels)]
    return result


def grids(finished_runs):
    """Returns the `Group`s of figure 4: runs from x_0 that differ in the batch size alone, SB and LB among them.

    A group has two batch sizes or more and a run of the regime grid, and does not consist of sources and references of
    figure 5 alone. If there are several trials, the lowest is taken.
    """
    referred = {each.name for group in warm_starts(finished_runs) for each in (group.source, group.reference) if each}
    plain = [each for each in finished_runs if _is_plain(each.run) and each.run.start is None]
    found = {}
    for (alike, _), members in buckets(plain, lambda each: (key(each, *_FREE), each.run.trial)):
        by_size = {each.run.batch_size: each for each in members}
        if (len(by_size) >= 2 and any(each.run.regime == "grid" for each in members)
                and not referred.issuperset(each.name for each in members)):
            found.setdefault(alike, Group(tuple(by_size[size] for size in sorted(by_size))))
    return _labelled(found.values(), *_FREE)


def warm_starts(finished_runs):
    """Returns the `Group`s of figure 5: runs that start at the iterates of one run, by the epoch of the iterate.

    Fewer than three such runs make a group only if the run that they start from had a fixed number of epochs, as that
    of figure 5 has: `escape` starts at two iterates of SB itself.
    """
    by_name = {each.name: each for each in finished_runs}
    started = [each for each in finished_runs if each.run.start and each.run.start.epoch and _is_plain(each.run)
               and _is_plain(by_name.get(each.run.start.run, each).run)]

    def origin(each):
        source = by_name.get(each.run.start.run)
        return key(each, "start"), key(source) if source else each.run.start.run

    found = []
    for _, group in buckets(started, origin):
        trial = min(each.run.trial for each in group)
        members = sorted((each for each in group if each.run.trial == trial), key=lambda each: each.run.start.epoch)
        first = members[0]
        source = by_name.get(first.run.start.run)
        if len(members) < _FEWEST_STARTS and source and source.run.epochs is None:
            continue
        reference = [each for each in finished_runs if each.run.start is None and each.run.trial == trial
                     and key(each, "start", "regime") == key(first, "start", "regime")]
        found.append(Group(tuple(members), source=source, reference=(*reference, None)[0]))
    return _labelled(found, "start")


def variants(finished_runs, comparison, *without):
    """Returns groups of LB runs that differ from those of a `Comparison` in the choices `without` alone, by trial."""
    wanted = key(comparison.large[0], *without)
    found = [each for each in finished_runs if each.run.regime == "LB" and key(each, *without) == wanted
             and not MAIN.admits(each)]
    return _by_trial(found)


def distinguish(descriptions):
    """Returns for each dictionary, as text, its fields that are not the same in all of them.

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
    """Returns pairs of a key and the list of the things that have it, by key."""
    return [(value, list(group)) for value, group in itertools.groupby(sorted(things, key=by), by)]


def sort_key(thing):
    """Returns the key by which runs and comparisons are sorted: the paper's order of networks, then the data set."""
    return list(catalog.NETWORKS).index(thing.network), thing.network, thing.dataset


def key(finished_run, *without):
    """Returns, as text that can be sorted, the choices that trials must share to be averaged, except for `without`."""
    return repr(_fields(finished_run, *without))


def _fields(finished_run, *without):
    """Returns the choices of a run and the fingerprint of its data, except for the trial and `without`."""
    run = finished_run.run
    fields = run.to_json() | {
        "remedy": run.remedy and run.remedy.label, "start": run.start and run.start.label,
        "distribution": run.distribution and run.distribution.label,
        "data": str(finished_run.config["data"].get("fingerprint"))[:12]}
    return {name: value for name, value in fields.items() if name not in ("trial", *without)}


def _by_trial(finished_runs):
    """Returns the trials of each configuration as a tuple."""
    return [tuple(sorted(group, key=lambda each: each.run.trial)) for _, group in buckets(finished_runs, key)]


def _labels(pairs, free):
    """Returns for each pair of an SB and an LB group, one of which may be empty, its differences from the others.

    The choices `free` may differ within a pair; they are named with the regime.
    """
    descriptions = []
    for pair in pairs:
        sides = [(regime, _fields(group[0])) for regime, group in zip(REGIMES, pair) if group]
        descriptions.append({f"{regime} {name}" if name in free else name: fields[name]
                             for name in sides[0][1] for regime, fields in sides})
    return distinguish(descriptions)


def _labelled(groups, *without):
    result = []
    for _, alike in buckets(groups, lambda group: sort_key(group.members[0].run)):
        labels = distinguish([_description(group, *without) for group in alike])
        result += [dataclasses.replace(group, label=label) for group, label in zip(alike, labels)]
    return result


def _description(group, *without):
    """Returns the choices of a group's members, and those in which the run at whose iterates they start differs."""
    fields = _fields(group.members[0], *without)
    source = _fields(group.source, "regime", *without) if group.source else {}
    return fields | {f"SB {name}": value for name, value in source.items() if value != fields.get(name)}


def _is_plain(run):
    """Whether nothing but its architecture, epochs, start and recomputation is particular to a run."""
    return not dataclasses.replace(run, architecture=None, epochs=None, start=None, recompute=False).peculiarities


def _text(name, value):
    if value is None:
        return "by the stopping rule" if name == "epochs" else "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
