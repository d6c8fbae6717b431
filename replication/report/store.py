"""All records of a workdir that can be used, checked once, and what is wrong with the others."""

import dataclasses

from replication import configuration
from replication.errors import UserError
from replication.report import grouping

_FIGURES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


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
class Minimizer:
    """A finished run: its configuration, config.json and result.json, and its measurements."""

    name: str
    run: configuration.Run
    config: dict
    result: dict
    all_measurements: tuple

    @property
    def training_size(self):
        """Number of training examples, 0 where the record does not tell."""
        size = self.config["data"].get("training_size")
        return size if configuration.is_whole(size, 1) else 0

    @property
    def figures(self):
        """Loss and accuracies (shares), training and test, under the statistics of the configuration."""
        return self.result[self.run.statistics]

    @property
    def measurements(self):
        """The measurements of the tables: those whose seed is the trial, so that trials differ in A."""
        return [item for item in self.all_measurements if item.choices.seed == self.run.trial]


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
        problems: One line for each damaged record; it is not used.
    """

    def __init__(self, workdir):
        records, problems = workdir.runs()
        self.problems = list(problems)
        self.minimizers = self._sound(self._minimizer, records)
        contents, problems = workdir.paths()
        self.problems += problems
        self.lines = [line for line in self._sound(self._line, contents) if line.small and line.large]
        self.failures, problems = workdir.failures()
        self.problems += problems
        self._comparisons = grouping.comparisons(self.minimizers)

    def comparisons(self):
        """The `grouping.Comparison`s of SB and LB minimizers."""
        return self._comparisons

    def measured_comparisons(self, subspace_dim):
        """Each comparison with each way its minimizers were measured in a space, and a label."""
        return grouping.measured(self._comparisons, subspace_dim)

    def first_lines(self, kind, stem):
        """The lowest trial's `Line` of each pair of configurations and choices, with a name for its files."""
        return grouping.first_lines([line for line in self.lines if line.choices.kind == kind], stem)

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
        result, config = _checked_result(record), record.config
        for name in ("data", "versions", "machine"):
            _require(isinstance(config.get(name), dict), record.folder / "config.json", name)
        contents, problems = record.measurements()
        self.problems += problems
        weights = result.get("checksums", {}).get(record.final_weights.name)
        measurements = self._sound(
            lambda content: _measurement(content, record.folder / "sharpness", weights), contents)
        return Minimizer(record.name, record.configuration, config, result, tuple(measurements))

    def _line(self, content):
        where = f"paths/: the path from {content.get('small_batch')} to {content.get('large_batch')}"
        choices = _choices(configuration.Path, content, where)
        for name in ("alpha", *_FIGURES):
            values = content.get(name)
            _require(isinstance(values, list) and len(values) == choices.points
                     and all(map(configuration.is_finite, values)), where, name)
        by_name = {minimizer.name: minimizer for minimizer in self.minimizers}
        small, large = by_name.get(content.get("small_batch")), by_name.get(content.get("large_batch"))
        return Line(small, large, choices, content)


def _checked_result(record):
    result, where = record.result, record.folder / "result.json"
    for statistics in configuration.STATISTICS:
        for name in _FIGURES:
            _require(_has_number(result.get(statistics), name), where, f"{statistics}.{name}")
    for name in ("epochs", "distance_from_start", "parameters", "seconds"):
        _require(_has_number(result, name), where, name)
    _require(isinstance(result.get("stop"), str), where, "stop")
    return result


def _measurement(content, folder, weights):
    choices = _choices(configuration.Sharpness, content, folder)
    where = folder / f"{choices.name}.json"
    for name in ("sharpness", "loss", "max_loss", "evaluations", "at_bound"):
        _require(_has_number(content, name), where, name)
    for name in ("scale", "start_max_losses"):
        _require(isinstance(content.get(name), list), where, name)
    _require(isinstance(content.get("status"), str), where, "status")
    _require(isinstance(content.get("seconds"), dict), where, "seconds")
    if content.get("weights_checksum") != weights:
        raise UserError(f"{where}: was measured on other weights than the run's; remove it to measure again")
    return Measurement(choices, content)


def _choices(kind, content, where):
    fields = content.get("configuration")
    _require(isinstance(fields, dict), where, "configuration")
    try:
        return kind.from_json(fields)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _has_number(content, name):
    return isinstance(content, dict) and configuration.is_finite(content.get(name))


def _require(condition, where, name):
    if not condition:
        raise UserError(f"{where}: damaged or not written by this package ({name!r} is missing or of the "
                        "wrong kind); remove it to make it again")
