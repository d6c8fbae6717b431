"""The choices of a parametric plot between two minimizers (figures 3 and 7)."""

import dataclasses
import typing

from replication.configuration.measurements.base import (
    FORWARD,
    JOINED_RUNS,
    NUMBER,
    NUMBERS,
    NUMBERS_AND_GAPS,
    STATISTICS,
    Measurement,
    evaluation_batch,
)
from replication.errors import are_numbers, require
from replication.fields import boolean, number, one_of, whole

PATHS = ("linear", "curved")
VALUES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


@dataclasses.dataclass(frozen=True)
class Path(Measurement):
    """The choices of one parametric plot between the minimizers of an SB and an LB run (figures 3 and 7).

    The linear path is alpha x_l* + (1 - alpha) x_s* (figure 3), the curved one sin(alpha pi / 2) x_l* +
    cos(alpha pi / 2) x_s* (figure 7).

    Raises:
        UserError: a value is out of range; the message names it.
    """

    KIND: typing.ClassVar[str] = "paths"
    COMPUTATION: typing.ClassVar[str] = "replication.landscape.paths"
    RUNS: typing.ClassVar[int] = 2
    CONTENT: typing.ClassVar[dict] = {
        **JOINED_RUNS, "alpha": NUMBERS, **{name: NUMBERS_AND_GAPS for name in VALUES}, "seconds": NUMBER}

    kind: str = one_of(PATHS, "linear", "The path: linear (figure 3) or curved (figure 7).", name="path")
    points: int = whole(
        25, "Number of points on the path, equally spaced in alpha (the authors' code: 25 in [-1, 2]).", at_least=2)
    start: float = number(-1.0, "First value of alpha.")
    stop: float = number(2.0, "Last value of alpha.")
    statistics: str = one_of(
        STATISTICS, "batch",
        "Statistics that batch normalization uses: batch, or moving averages estimated again at each point.")
    batch_size: int = evaluation_batch()

    filter_normalized: bool = boolean(
        False, "First give each filter of LB before a batch normalization the length that it has in SB (Li et "
        "al., 2018), which leaves LB's outputs the same except for the normalization's epsilon.")

    def __post_init__(self):
        super().__post_init__()
        require(self.start < self.stop, "start, stop", (self.start, self.stop), "two numbers in increasing order")

    def record_name(self, *runs):
        """The stem of the record's file, such as F1-trial0-linear-2daa129e-6189c893-11394eb3."""
        digests = "-".join(run.digest() for run in runs)
        return f"{runs[0].network}-trial{runs[0].trial}-{self.kind}-{self.digest()}-{digests}"

    def passes(self, dataset):
        return FORWARD * self.points * (1 + dataset.test_size / dataset.training_size)

    def check(self, content):
        for name in ("alpha", *VALUES):
            values = content.get(name)
            # f is a gap where it is not finite.
            if not are_numbers(values, gaps=name != "alpha") or len(values) != self.points:
                return name
        return None
