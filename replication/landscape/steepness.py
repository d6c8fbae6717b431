"""The number of steep directions around a minimizer (section 2.2.2 of the paper)."""

import dataclasses
import math
import time

import numpy as np

from replication import configuration, files, machine
from replication.errors import require
from replication.sharpness.checks import check_repeatable
from replication.sharpness.maximizer import Box
from replication.sharpness.metric import percent


@dataclasses.dataclass(frozen=True)
class SteepnessResult:
    """Rises of f in many directions; a rise is (f(x + d) - f(x)) / (1 + f(x)) * 100, in percent, as in Metric 2.1.

    A rise is NaN where f is not finite, and None in the record.

    Attributes:
        configuration: The `configuration.Steepness` with every choice.
        loss: f(x).
        random: The rise at each of the random corners of the box.
        blocks: The rise if the coordinates of one block go to the corner that their gradient points to and the others
            stay, for each block of a random partition of the coordinates.
        ranked: Pairs of a share of the coordinates and the rise if that share of them, the steepest first, goes to that
            corner and the others stay. The steepest coordinates have the largest |g_i| half_width_i. The shares are
            those of `Steepness.SHARES`, rounded to whole numbers of coordinates, at least one, each once.
        versions: The versions of the packages that the numbers depend on.
        seconds: The duration of the measurement.
    """

    configuration: configuration.Steepness
    loss: float
    random: tuple
    blocks: tuple
    ranked: tuple
    versions: dict
    seconds: float

    @property
    def summary(self):
        """The result in a line, for the log."""
        return (f"largest rise {np.nanmax(self.random):.4g} % at {len(self.random)} random corners, "
                f"{np.nanmax(self.blocks):.4g} % in {len(self.blocks)} blocks")

    def to_json(self):
        """Returns the result as a JSON-ready dictionary."""
        return {**dataclasses.asdict(self), "random": files.without_nan(self.random),
                "blocks": files.without_nan(self.blocks),
                "ranked": [files.without_nan(pair) for pair in self.ranked]}


def compute(objective, choices):
    """Computes the rises of an objective from its model's weights, with one pass over the data for each direction.

    Args:
        objective: A `sharpness.Objective`, made with the choices' statistics and batch size.
        choices: A `configuration.Steepness`.

    Returns:
        A `SteepnessResult`.

    Raises:
        UserError: there are more blocks than coordinates, or f is not finite or not deterministic.
    """
    began = time.perf_counter()
    x = objective.x
    require(choices.blocks <= len(x), "blocks", choices.blocks, f"at most n={len(x)}, the number of weights")
    loss = objective.value(x)
    repeated, gradient = objective.value_and_gradient(x)
    check_repeatable(loss, repeated, dtype=objective.dtype)
    box = Box.around(x, choices.epsilon)

    def rise(direction):
        risen = percent(objective.value(x + direction), loss)
        return risen if math.isfinite(risen) else math.nan

    generator = np.random.default_rng(choices.seed)
    random = tuple(rise(box.random_corner(generator)) for _ in range(choices.directions))
    blocks = np.array_split(generator.permutation(len(x)), choices.blocks)
    ascent = box.corner(gradient)
    steepest = np.argsort(-np.abs(gradient) * box.half_widths, kind="stable")
    return SteepnessResult(
        configuration=choices, loss=loss, random=random,
        blocks=tuple(rise(_only(ascent, block)) for block in blocks),
        ranked=tuple((count / len(x), rise(_only(ascent, steepest[:count]))) for count in _counts(len(x))),
        versions=machine.versions(), seconds=time.perf_counter() - began,
    )


def _only(direction, block):
    """Returns `direction` [n] in the coordinates of `block`, and 0 in the others."""
    result = np.zeros_like(direction)
    result[block] = direction[block]
    return result


def _counts(n):
    """Returns the shares of n coordinates as whole numbers of coordinates, in increasing order."""
    return sorted({max(1, round(share * n)) for share in configuration.Steepness.SHARES})
