"""The records of a workdir as experiments read them: each checked once, and grouped into what may be compared.

`runs` has the finished runs and their measurements, `schema` the checks, `grouping` and `protocols` the rules of
comparison.
"""

import dataclasses

from replication import configuration
from replication.errors import collect
from replication.store import grouping, schema
from replication.store.runs import FinishedRun, Iterate, Joined, Measurement, Search

__all__ = ["FinishedRun", "Iterate", "Joined", "Measurement", "Search", "Store"]


class Store:
    """The records of a workdir that can be used, read once.

    Args:
        workdir: A `records.Workdir`.

    Attributes:
        runs: The `FinishedRun`s, sorted by name.
        joined: By kind, the `Joined` measurements of two of them, such as paths.
        failures: The reasons of the failed runs, by name.
        searches: The `Search`es, by name.
        problems: One line for each damaged record, which is left out.
    """

    def __init__(self, workdir):
        self.problems = []
        self.runs = self._sound(self._finished_run, self._readable(workdir.runs()))
        by_name = {each.name: each for each in self.runs}
        self.joined = {kind: self._joined(kind, self._readable(workdir.measurements(kind)), by_name)
                       for kind, choices in configuration.KINDS.items() if choices.RUNS == 2}
        self.failures = self._readable(workdir.failures())
        self.searches = _labelled(self._sound(lambda record: Search(record.configuration, schema.search(record)),
                                              self._readable(workdir.searches())))

    def _readable(self, found_and_problems):
        """Returns the first of a pair and enters the second in the problems."""
        found, problems = found_and_problems
        self.problems += problems
        return found

    def _sound(self, read, sources):
        """Returns the results of `read` for each source; a UserError becomes a problem, and the source is left out."""
        return self._readable(collect(read, sources))

    @property
    def paths(self):
        """The paths between two runs, a list of `Joined`."""
        return self.joined["paths"]

    def _joined(self, kind, contents, by_name):
        found = self._sound(lambda content: (schema.joined(content, kind, by_name), content), contents)
        return [Joined(small, large, choices, content) for (choices, small, large), content in found
                if small and large]

    def _finished_run(self, record):
        config, result, history = schema.run(record)
        record.check_start()
        run = record.configuration
        iterates = self._sound(lambda point: self._iterate(run, point), (record.iterate(0), *record.iterates()))
        return FinishedRun(
            record.name, run, config, result, history, self._measurements(record, record.minimizer.checksum),
            tuple(iterate for iterate in iterates if any(iterate.measurements.values())))

    def _iterate(self, run, point):
        # x_0 was checked with the run.
        if point.epoch:
            point.check()
        return Iterate(point.epoch, run, self._measurements(point, point.checksum))

    def _measurements(self, record, weights):
        """Returns by kind the `Measurement`s in the folder of a run or iterate, made of weights with this checksum."""
        def read(kind, content):
            return Measurement(schema.measurement(content, kind, record.folder / kind, weights=weights), content)

        found = {kind: tuple(self._sound(lambda content, kind=kind: read(kind, content),
                                         self._readable(record.measurements(kind))))
                 for kind, choices in configuration.KINDS.items() if choices.RUNS == 1}
        return {**found, "sharpness": tuple(_monotone(found["sharpness"]))}


def _monotone(measured):
    """Yields the sharpness measurements of one point, none of ours below that in a smaller box, which lies within.

    One that is raised so has the epsilon of the smaller box in the field "from_epsilon" of its content. Its record
    stays as it is.
    """
    for each in measured:
        # SciPy's solver by its defaults is shown as it is.
        smaller = [other for other in measured if each.choices.solver == "scaled"
                   and (other.protocol, other.choices.seed) == (each.protocol, each.choices.seed)
                   and other.choices.epsilon < each.choices.epsilon]
        largest = max(smaller, key=lambda other: other.content["max_loss"], default=each)
        if largest.content["max_loss"] > each.content["max_loss"]:
            raised = {name: largest.content[name] for name in ("sharpness", "max_loss")}
            yield Measurement(each.choices, {**each.content, **raised, "from_epsilon": largest.choices.epsilon})
        else:
            yield each


def _labelled(searches):
    """Returns the `Search`es with their labels, by name."""
    result = []
    for title, members in grouping.buckets(searches, lambda search: search.title):
        # A larger bound on the trials makes no other search.
        choices = [{name: value for name, value in search.choices.to_json().items() if name != "max_trials"}
                   for search in members]
        result += [dataclasses.replace(search, label=", ".join(filter(None, (title, difference))))
                   for search, difference in zip(members, grouping.distinguish(choices))]
    return sorted(result, key=lambda search: search.choices.name)
