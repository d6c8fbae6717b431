"""All records of a workdir that can be used, checked once, and what is wrong with the others."""

import dataclasses

from replication import catalog, configuration
from replication.errors import UserError, is_whole
from replication.experiments import MAIN, REGIMES
from replication.report import contents, families, grouping


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A measurement of Metric 2.1: its choices and the whole content of its file."""

    choices: configuration.Sharpness
    content: dict

    @property
    def way(self):
        """The choices that must agree before values are averaged: all but epsilon and the seed."""
        fields = self.choices.to_json()
        return tuple((name, fields[name]) for name in fields if name not in ("epsilon", "seed"))


@dataclasses.dataclass(frozen=True)
class Steepness:
    """A measurement of how many directions are steep: its choices and the whole content of its file."""

    choices: configuration.Steepness
    content: dict


@dataclasses.dataclass(frozen=True)
class Search:
    """A search for hyperparameters.

    Attributes:
        choices: Its `configuration.Search`.
        content: The whole content of its file.
        label: What its plots and lines call it: its title, and what tells it from others of the same title.
    """

    choices: configuration.Search
    content: dict
    label: str = ""

    @property
    def title(self):
        """Its main choices, such as "F1 on digits, random, val_accuracy within a sharpness of 20 %, 20 epochs"."""
        choices = self.choices
        bound = "" if choices.max_sharpness is None else f" within a sharpness of {choices.max_sharpness:g} %"
        space = "" if choices.space == "standard" else f", space {choices.space}"
        return (f"{choices.network} on {catalog.dataset_label(choices.dataset)}, {choices.tuner}, "
                f"{choices.objective}{bound}, {choices.epochs} epochs{space}")

    @property
    def finished(self):
        """Its finished trials, the best first."""
        trials = [trial for trial in self.content["trials"] if trial["status"] == "finished"]
        return sorted(trials, key=lambda trial: trial["score"], reverse=self.choices.direction == "max")


@dataclasses.dataclass(frozen=True)
class Iterate:
    """An iterate of a run that was measured: x_0, or a kept one.

    Attributes:
        epoch: After how many epochs; 0 for x_0.
        run: The `configuration.Run`.
        all_measurements: Its `Measurement`s.
    """

    epoch: int
    run: configuration.Run
    all_measurements: tuple

    @property
    def measurements(self):
        """Those that are made like the tables'."""
        return _of_the_tables(self.run, self.all_measurements)


@dataclasses.dataclass(frozen=True)
class Minimizer:
    """A finished run.

    Attributes:
        name, run: The name of its folder, and its `configuration.Run`.
        config, result: The contents of config.json and result.json.
        history: The rows of history.csv, empty where there is none.
        all_measurements: Its `Measurement`s.
        iterates: Its measured `Iterate`s, by epoch.
        steepness: Its `Steepness`es.
    """

    name: str
    run: configuration.Run
    config: dict
    result: dict
    history: tuple
    all_measurements: tuple
    iterates: tuple
    steepness: tuple

    @property
    def training_size(self):
        """Number of training examples, 0 where the record does not tell."""
        size = self.config["data"].get("training_size")
        return size if is_whole(size, 1) else 0

    @property
    def gradients(self):
        """Gradient evaluations over single examples, or None where the record does not tell."""
        number = self.result.get("gradients")
        return number if is_whole(number, 1) else None

    @property
    def figures(self):
        """Loss and accuracies (shares), training and test, under the statistics of the configuration."""
        return self.result[self.run.statistics]

    @property
    def measurements(self):
        """The measurements of the tables: over the whole training set, and with the trial as the seed."""
        return _of_the_tables(self.run, self.all_measurements)


@dataclasses.dataclass(frozen=True)
class Line:
    """A path between two minimizers.

    Attributes:
        small, large: The `Minimizer`s.
        choices: Its `configuration.Path`.
        content: The whole content of its file.
        label: What tells it from other paths of the network and data set; "" if there is none.
    """

    small: Minimizer
    large: Minimizer
    choices: configuration.Path
    content: dict
    label: str = ""

    network = property(lambda self: self.small.run.network)
    dataset = property(lambda self: self.small.run.dataset)
    trial = property(lambda self: self.small.run.trial)


class Store:
    """What a workdir holds, read once.

    Args:
        workdir: A `records.Workdir`.

    Attributes:
        minimizers: The finished and sound `Minimizer`s, sorted by name.
        lines: The `Line`s whose two minimizers are among them.
        failures: The reasons of the failed runs, by name.
        searches: The `Search`es.
        problems: One line for each damaged record; it is not used.
    """

    def __init__(self, workdir):
        records, problems = workdir.runs()
        self.problems = list(problems)
        self.minimizers = self._sound(self._minimizer, records)
        found, problems = workdir.paths()
        self.problems += problems
        self.lines = [line for line in self._sound(self._line, found) if line.small and line.large]
        self.failures, problems = workdir.failures()
        self.problems += problems
        found, problems = workdir.searches()
        self.problems += problems
        self.searches = _labelled(self._sound(self._search, found))

    def comparisons(self, selection=MAIN):
        """The `grouping.Comparison`s of those SB and LB minimizers that an `experiments.Selection` has."""
        return grouping.comparisons(self.minimizers, selection)

    def measured_comparisons(self, subspace_dim, selection=MAIN, regimes=REGIMES):
        """Each comparison with each way its minimizers of `regimes` were measured in a space, and a label."""
        return grouping.measured(self.comparisons(selection), subspace_dim, regimes)

    def first_lines(self, kind):
        """The lowest trial's `Line` of each pair of configurations and choices, between runs of the main selection."""
        return grouping.first_lines([line for line in self.lines if line.choices.kind == kind
                                     and line.small.run in MAIN and line.large.run in MAIN])

    def grids(self):
        """The `families.Family`s of figure 4."""
        return families.grids(self.minimizers)

    def warm_starts(self):
        """The `families.Family`s of figure 5."""
        return families.warm_starts(self.minimizers)

    def variants(self, comparison, *without):
        """Groups of LB minimizers that differ from those of a comparison in the fields `without` alone."""
        return families.variants(self.minimizers, comparison, *without)

    def _sound(self, read, sources):
        """What `read` makes of each source; a UserError is a problem and leaves the source out."""
        results = []
        for source in sources:
            try:
                results.append(read(source))
            except UserError as error:
                self.problems.append(str(error))
        return results

    def _minimizer(self, record):
        result, config = contents.result(record), contents.config(record)
        history = contents.history(record)
        run = record.configuration
        weights = record.minimizer.checksum
        return Minimizer(
            record.name, run, config, result, tuple(history), self._measurements(record, weights),
            self._iterates(run, record), self._steepnesses(record, weights))

    def _iterates(self, run, record):
        points = (record.iterate(0), *record.iterates())
        found = self._sound(lambda point: self._iterate(run, point), points)
        return tuple(iterate for iterate in found if iterate.all_measurements)

    def _iterate(self, run, point):
        # x_0 was checked with the run.
        if point.epoch:
            point.check()
        return Iterate(point.epoch, run, self._measurements(point, point.checksum))

    def _measurements(self, record, weights):
        found, problems = record.measurements()
        self.problems += problems
        folder = record.folder / "sharpness"
        return tuple(Measurement(*pair) for pair in self._sound(
            lambda content: contents.measurement(content, folder, weights), found))

    def _steepnesses(self, record, weights):
        found, problems = record.steepnesses()
        self.problems += problems
        folder = record.folder / "steepness"
        return tuple(Steepness(*pair) for pair in self._sound(
            lambda content: contents.steepness(content, folder, weights), found))

    def _search(self, record):
        return Search(record.configuration, contents.search(record))

    def _line(self, content):
        choices = contents.path(content)
        by_name = {minimizer.name: minimizer for minimizer in self.minimizers}
        small, large = by_name.get(content.get("small_batch")), by_name.get(content.get("large_batch"))
        if small and large:
            weights = [each.result.get("checksums", {}).get("final.weights.h5") for each in (small, large)]
            if content.get("weights_checksums") != weights:
                raise UserError(f"paths/: the path from {small.name} to {large.name} was evaluated between other "
                                "weights than the runs'; remove it, or give `reproduce --remake_damaged`, to have it "
                                "made again")
        return Line(small, large, choices, content)


def _labelled(searches):
    """The `Search`es of a list with their labels, by name."""
    result = []
    for title, members in grouping.buckets(searches, lambda search: search.title):
        # A larger bound on the trials makes no other search.
        choices = [{name: value for name, value in search.choices.to_json().items() if name != "max_trials"}
                   for search in members]
        result += [dataclasses.replace(search, label=", ".join(filter(None, (title, difference))))
                   for search, difference in zip(members, grouping.distinguish(choices))]
    return sorted(result, key=lambda search: search.choices.name)


def _of_the_tables(run, measurements):
    return [item for item in measurements if item.choices.seed == run.trial and item.choices.examples is None]
