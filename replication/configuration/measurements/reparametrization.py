"""The choices of a measurement of Metric 2.1 at other weights with the same outputs."""

import dataclasses
import typing

from replication.configuration.measurements.base import (
    BYTES_OF_A_MAXIMIZATION,
    JOINED_RUNS,
    NUMBER,
    OBJECT,
    Measurement,
    batch_statistics,
    box_epsilon,
    evaluation_batch,
    number_of_examples,
)
from replication.errors import are_numbers, is_finite
from replication.fields import boolean, whole

# A measurement of Metric 2.1 from one start, and the passes of f beside it.
_PASSES = 20


@dataclasses.dataclass(frozen=True)
class Reparametrization(Measurement):
    """The choices of measurements of Metric 2.1 at other weights with the same outputs (Dinh et al., 2017).

    Attributes:
        FACTORS: The factors on the weights; they are fixed.

    Raises:
        UserError: a value is out of range; the message names it.
    """

    KIND: typing.ClassVar[str] = "reparametrization"
    COMPUTATION: typing.ClassVar[str] = "replication.landscape.reparametrization"
    RUNS: typing.ClassVar[int] = 2
    FACTORS: typing.ClassVar[tuple] = (0.5, 1.0, 2.0, 4.0)
    CONTENT: typing.ClassVar[dict] = {
        **JOINED_RUNS, "points": {"type": "array", "items": OBJECT}, "seconds": NUMBER}

    epsilon: float = box_epsilon()
    exchange_only: bool = boolean(False, "Measure LB at SB's layer lengths alone.")
    iterations: int = whole(10, "Iterations of L-BFGS-B.", at_least=1)
    statistics: str = batch_statistics()
    batch_size: int = evaluation_batch()
    examples: int | None = number_of_examples()
    seed: int = whole(0, "Seed of the maximizer.")

    def record_name(self, *runs):
        """The stem of the record's file, such as F1-trial0-1a2b3c4d-6189c893-11394eb3."""
        digests = "-".join(run.digest() for run in runs)
        return f"{runs[0].network}-trial{runs[0].trial}-{self.digest()}-{digests}"

    def passes(self, dataset):
        return _PASSES * self.ascents()

    def ascents(self):
        return 1 if self.exchange_only else 4 * len(self.FACTORS)

    def vector_bytes(self, parameters):
        return BYTES_OF_A_MAXIMIZATION * parameters

    def quantities(self, content):
        return [(f"sharpness, {point['regime']}, {point['weights']}"
                 + (f" × {point['factor']:g}" if point.get("factor") is not None else ""), point["sharpness"])
                for point in content["points"]]

    def check(self, content):
        found = content.get("points")
        if not isinstance(found, list) or not found:
            return "points"
        for point in found:
            if not (isinstance(point, dict) and isinstance(point.get("weights"), str)
                    and point.get("regime") in ("SB", "LB") and are_numbers(
                        [point.get(name) for name in ("loss", "sharpness", "output_change")])
                    and (point.get("factor") is None or is_finite(point["factor"]))):
                return "points"
        return None
