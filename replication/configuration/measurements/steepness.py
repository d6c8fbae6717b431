"""The choices of a measurement of how f rises in many directions around a minimizer (section 2.2.2)."""

import dataclasses
import typing

from replication.configuration.measurements.base import (
    FORWARD,
    NUMBER,
    NUMBERS_AND_GAPS,
    Measurement,
    batch_statistics,
    evaluation_batch,
)
from replication.errors import are_numbers
from replication.fields import number, whole


@dataclasses.dataclass(frozen=True)
class Steepness(Measurement):
    """The choices of one measurement of how f rises in many directions around a minimizer (section 2.2.2).

    Attributes:
        SHARES: Shares of the coordinates, the steepest first, along which the rise is measured; they are fixed.

    Raises:
        UserError: a value is out of range; the message names it.
    """

    KIND: typing.ClassVar[str] = "steepness"
    COMPUTATION: typing.ClassVar[str] = "replication.landscape.steepness"
    SHARES: typing.ClassVar[tuple] = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    CONTENT: typing.ClassVar[dict] = {
        "loss": NUMBER, "random": NUMBERS_AND_GAPS, "blocks": NUMBERS_AND_GAPS,
        "ranked": {"type": "array", "items": NUMBERS_AND_GAPS}, "seconds": NUMBER}

    epsilon: float = number(
        1e-3, "Half-width of the box of Metric 2.1 in the full space, relative to |x_i| + 1.", above=0)
    directions: int = whole(100, "Number of random corners of the box.", at_least=1)
    blocks: int = whole(100, "Number of blocks of n / blocks random coordinates each.", at_least=1)
    statistics: str = batch_statistics()
    batch_size: int = evaluation_batch()
    seed: int = whole(0, "Seed of the corners and of the blocks.")

    def passes(self, dataset):
        return 1 + FORWARD * (self.directions + self.blocks + len(self.SHARES))

    def check(self, content):
        for name in ("random", "blocks"):
            if not are_numbers(content.get(name), gaps=True):
                return name
        ranked = content.get("ranked")
        if isinstance(ranked, list) and ranked and all(are_numbers(pair, gaps=True) and len(pair) == 2
                                                            for pair in ranked):
            return None
        return "ranked"
