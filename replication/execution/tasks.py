"""The tasks of a replication: what each makes, whether it is on disk already, and how much work it is.

A task is a frozen value of configurations alone, so that any process with the workdir can carry it out.
"""

import dataclasses

from replication import configuration
from replication.configuration import schedules
from replication.errors import UserError

# Passes of a measurement beside its ascents: at y = 0, its repetition, and the central difference.
_CHECKS = 4
_EVALUATIONS_PER_ITERATION = 1.3
# A pass without gradient takes about a third of one with it.
_FORWARD = 1 / 3


class Task:
    """Something that is made once and left in the workdir.

    Attributes:
        title: What a reader is told of it.
        kind: One word for lists: "training", "sharpness", "path", "iterates" or "steepness".
        run: The `configuration.Run` whose network and data it works with.
        after: Names of the runs that must be finished before.
    """

    def is_done(self, workdir):
        """Whether what it makes is on disk, or why it cannot be made."""
        raise NotImplementedError

    def gradients(self, workdir, description, epochs):
        """About how many gradients of single examples are left to take.

        Args:
            workdir: A `records.Workdir`.
            description: The `catalog.Dataset` of the run's data.
            epochs: Those that the run will take.
        """
        raise NotImplementedError

    def ascents(self, workdir, epochs):
        """How many maximizations from one start in the full space are left; arguments as in `gradients`."""
        return 0

    def largest_batch(self):
        """Examples of the largest batch that it passes forward and back."""
        raise NotImplementedError

    def vector_bytes(self, parameters):
        """Bytes of the vectors of n weights, `parameters`, that it holds beside the network."""
        # ADAM's two and the gradient; what is measured holds no more.
        return 3 * 4 * parameters

    def execute(self, workdir, dataset, *, data_dir=None, verbose=1, wait=True):
        """Does what is not on disk yet.

        Args:
            workdir: A `records.Workdir`.
            dataset: The run's `data.Data`.
            data_dir: TFDS's folder; None for its default.
            verbose: Keras's progress display in training.
            wait: Whether to wait for another process that works on the same run, or to raise.

        Raises:
            BusyError: another process works on the same run and `wait` is false.
            UserError: it failed; the message says why.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Training(Task):
    """A run is trained, keeping the iterates of some schedules. One that has failed has ended: it fails at once."""

    run: configuration.Run
    keep: tuple = ()

    kind = "training"
    title = property(lambda self: f"train {_described(self.run)}")
    after = property(lambda self: () if self.run.start is None else (self.run.start.run,))

    def is_done(self, workdir):
        record = workdir.run(self.run)
        if not record.is_finished:
            return (record.folder / "failure.json").exists()
        return all(
            record.iterate(epoch).exists for epoch in schedules.epochs(self.keep, record.epochs))

    def gradients(self, workdir, description, epochs):
        run = self.run
        each = 1 if run.remedy is None else run.remedy.gradients
        return epochs * description.training_size * each

    def largest_batch(self):
        return self.run.batch_size

    def execute(self, workdir, dataset, *, data_dir=None, verbose=1, wait=True):
        from replication.training import train

        train(self.run, workdir, data_dir=data_dir, wait=wait, verbose=verbose, keep=self.keep)


@dataclasses.dataclass(frozen=True)
class _SharpnessTask(Task):
    """Maximizations, one for each of some choices, a `configuration.Sharpness` each, at each of some weights."""

    run: configuration.Run
    choices: tuple

    after = property(lambda self: (self.run.name,))

    def gradients(self, workdir, description, epochs):
        return sum(map(_passes, self._open(workdir, epochs))) * description.training_size

    def ascents(self, workdir, epochs):
        return sum(choice.starts for choice in self._open(workdir, epochs) if not choice.subspace_dim)

    def vector_bytes(self, parameters):
        return max(_vector_bytes(choice, parameters) for choice in self.choices)

    def largest_batch(self):
        return max(choice.batch_size for choice in self.choices)

    def _open(self, workdir, epochs):
        """The choices of the measurements that are not on disk; arguments as in `gradients`."""
        raise NotImplementedError


class Measurements(_SharpnessTask):
    """The sharpness of a run's minimizer."""

    kind = "sharpness"
    title = property(lambda self: f"measure the sharpness of {_described(self.run)}")

    def is_done(self, workdir):
        return not self._open(workdir, 0)

    def execute(self, workdir, dataset, *, data_dir=None, verbose=1, wait=True):
        from replication.sharpness.runs import measure_run

        measure_run(_finished(workdir, self.run), self.choices, dataset, wait=wait)

    def _open(self, workdir, epochs):
        record = workdir.run(self.run)
        return [choice for choice in self.choices if not record.measurement(choice).exists()]


@dataclasses.dataclass(frozen=True)
class IterateMeasurements(_SharpnessTask):
    """The sharpness of x_0 and of a run's kept iterates."""

    schedule: int

    kind = "iterates"
    title = property(lambda self: f"measure the sharpness of the iterates of {self.run.name}")

    def is_done(self, workdir):
        return workdir.run(self.run).is_finished and not self._open(workdir, 0)

    def execute(self, workdir, dataset, *, data_dir=None, verbose=1, wait=True):
        from replication.sharpness.runs import measure_iterates

        measure_iterates(_finished(workdir, self.run), self.schedule, self.choices, dataset, wait=wait)

    def _open(self, workdir, epochs):
        record = workdir.run(self.run)
        last = record.epochs if record.is_finished else epochs
        return [choice for epoch in schedules.measured_epochs(self.schedule, last) for choice in self.choices
                if not record.iterate(epoch).measurement(choice).exists()]


@dataclasses.dataclass(frozen=True)
class PathEvaluation(Task):
    """f and accuracy along the path between two minimizers."""

    run: configuration.Run
    large_batch: configuration.Run
    path: configuration.Path

    kind = "path"
    title = property(lambda self: f"evaluate the {self.path.kind} path from {self.run.name} to {self.large_batch.name}")
    after = property(lambda self: (self.run.name, self.large_batch.name))

    def is_done(self, workdir):
        small, large = workdir.run(self.run), workdir.run(self.large_batch)
        return small.is_finished and large.is_finished and workdir.path_record(self.path, small, large).exists()

    def gradients(self, workdir, description, epochs):
        return _FORWARD * self.path.points * (description.training_size + description.test_size)

    def largest_batch(self):
        return self.path.batch_size

    def execute(self, workdir, dataset, *, data_dir=None, verbose=1, wait=True):
        from replication.landscape import measure_path

        measure_path(workdir, self.path, _finished(workdir, self.run), _finished(workdir, self.large_batch), dataset,
                     wait=wait)


@dataclasses.dataclass(frozen=True)
class SteepnessMeasurement(Task):
    """The steepness of directions at a run's minimizer."""

    run: configuration.Run
    choices: configuration.Steepness

    kind = "steepness"
    title = property(lambda self: f"take the steepness of {self.run.name}")
    after = property(lambda self: (self.run.name,))

    def is_done(self, workdir):
        return workdir.run(self.run).steepness(self.choices).exists()

    def gradients(self, workdir, description, epochs):
        passes = self.choices.directions + self.choices.blocks + len(self.choices.SHARES)
        return (1 + _FORWARD * passes) * description.training_size

    def largest_batch(self):
        return self.choices.batch_size

    def execute(self, workdir, dataset, *, data_dir=None, verbose=1, wait=True):
        from replication.landscape import measure_steepness

        measure_steepness(_finished(workdir, self.run), self.choices, dataset, wait=wait)


def tasks(needs):
    """The tasks that make what experiments need, each after those that it needs.

    A run is trained once, with all its schedules, and after the run at whose iterate it starts.

    Args:
        needs: An `experiments.Needs`.
    """
    keep = _grouped((run, schedule) for run, schedule, *_ in (*needs.iterates, *needs.iterate_measurements))
    iterates = _grouped(((run, schedule), choice) for run, schedule, choice in needs.iterate_measurements)
    return [
        *(Training(run, keep.get(run, ())) for run in _by_start(needs.runs)),
        *(Measurements(run, choices) for run, choices in _grouped(needs.measurements).items()),
        *(PathEvaluation(*path) for path in needs.paths),
        *(IterateMeasurements(run, choices, schedule) for (run, schedule), choices in iterates.items()),
        *(SteepnessMeasurement(*pair) for pair in needs.steepness),
    ]


def _by_start(runs):
    """The same runs, each after the one at whose iterate it starts."""
    by_name = {run.name: run for run in runs}

    def ancestors(run):
        return 0 if run.start is None or run.start.run not in by_name else 1 + ancestors(by_name[run.start.run])

    return sorted(runs, key=ancestors)


def _grouped(pairs):
    """The second parts of pairs as a tuple for each first part, each once."""
    groups = {}
    for first, second in pairs:
        groups.setdefault(first, {})[second] = None
    return {first: tuple(seconds) for first, seconds in groups.items()}


def _described(run):
    """The run's name, and what is particular to it."""
    particular = [run.remedy and run.remedy.label, run.optimizer if run.optimizer != "adam" else None,
                  run.start and f"from epoch {run.start.epoch} of {run.start.run}",
                  f"batches of {run.batch_size:,}" if run.regime == "grid" else None]
    return f"{run.name} ({'; '.join(filter(None, particular))})" if any(particular) else run.name


def _passes(choice):
    return _CHECKS + choice.starts * choice.iterations * _EVALUATIONS_PER_ITERATION


def _vector_bytes(choice, parameters):
    if choice.subspace_dim:
        from replication.sharpness.subspace import BUDGET

        return min(4 * parameters * choice.subspace_dim, BUDGET)
    # L-BFGS-B's workspace with ten corrections, 2 m n + 5 n numbers.
    return 25 * 8 * parameters


def _finished(workdir, run):
    record = workdir.run(run)
    if not record.is_finished:
        raise UserError(f"{record.folder}: not finished, so there is no minimizer to measure")
    return record
