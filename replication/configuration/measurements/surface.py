"""The choices of a measurement of f on a plane around a minimizer."""

import dataclasses
import itertools
import typing

from replication.configuration.measurements.base import (
    FORWARD,
    NUMBER,
    NUMBERS,
    NUMBERS_AND_GAPS,
    Measurement,
    batch_statistics,
    evaluation_batch,
    number_of_examples,
)
from replication.errors import are_numbers, require
from replication.fields import number, whole


@dataclasses.dataclass(frozen=True)
class Surface(Measurement):
    """The choices of one measurement of f on the plane of two random filter-normalized directions (Li et al., 2018).

    Raises:
        UserError: a value is out of range; the message names it.
    """

    KIND: typing.ClassVar[str] = "surface"
    COMPUTATION: typing.ClassVar[str] = "replication.landscape.surface"
    CONTENT: typing.ClassVar[dict] = {
        "steps": NUMBERS, "loss": {"type": "array", "items": NUMBERS_AND_GAPS},
        "accuracy": {"type": "array", "items": NUMBERS_AND_GAPS}, "seconds": NUMBER}

    points: int = whole(21, "Number of points in each direction, equally spaced and odd, so that x is one of them.",
                        at_least=3)
    reach: float = number(1.0, "The last point in each direction, in lengths of the filters.", above=0)
    statistics: str = batch_statistics()
    batch_size: int = evaluation_batch()
    examples: int | None = number_of_examples()
    seed: int = whole(0, "Seed of the directions.")

    def __post_init__(self):
        super().__post_init__()
        require(self.points % 2, "points", self.points, "an odd number, so that x is one of them")

    def record_name(self, *runs):
        return f"{self.points}-{self.digest()}"

    def passes(self, dataset):
        return FORWARD * self.points**2

    def quantities(self, content):
        values = [value for row in content["loss"] for value in row if value is not None]
        return [("smallest f on the plane", min(values)), ("largest f on the plane", max(values))]

    def check(self, content):
        if not are_numbers(content.get("steps")) or len(content["steps"]) != self.points:
            return "steps"
        for name in ("loss", "accuracy"):
            rows = content.get(name)
            # A whole row may lie where f is not finite.
            if not isinstance(rows, list) or len(rows) != self.points or not all(
                    isinstance(row, list) and len(row) == self.points for row in rows) or not are_numbers(
                    list(itertools.chain.from_iterable(rows)), gaps=True):
                return name
        return None
