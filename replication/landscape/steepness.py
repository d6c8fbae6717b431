"""How many directions around a minimizer are steep (section 2.2.2 of the paper)."""

import dataclasses
import time

import numpy as np
from absl import logging

from replication import configuration, files, machine
from replication.errors import require
from replication.sharpness import Objective
from replication.sharpness.box import Box
from replication.sharpness.checks import check_repeatable
from replication.sharpness.runs import check_measurable
from replication.weights import load_minimizer


@dataclasses.dataclass(frozen=True)
class SteepnessResult:
    """Rises of f in many directions; a rise is (f(x + d) - f(x)) / (1 + f(x)) * 100, in percent, as Metric 2.1.

    Attributes:
        configuration: Every choice, a `configuration.Steepness`.
        loss: f(x).
        random: The rise at each of the random corners of the box.
        blocks: The rise when the coordinates of one block go to the corner that their gradient points to and
            the others stay, for each block of a random partition of the coordinates.
        ranked: Pairs of a share of the coordinates and the rise when that share of them, the steepest first, go
            to that corner and the others stay. Steep is what has a large |g_i| half_width_i. The shares are
            those of `Steepness.SHARES` as whole numbers of coordinates give them, at least one, each once.
        versions: Of the packages that the numbers depend on.
        seconds: Of all of it.
    """

    configuration: configuration.Steepness
    loss: float
    random: tuple
    blocks: tuple
    ranked: tuple
    versions: dict
    seconds: float

    def to_json(self):
        """The result as a JSON-ready dictionary."""
        return dataclasses.asdict(self)


def measure_steepness(record, choices, dataset, *, wait=False):
    """Takes the steepness at a run's minimizer, and leaves it in the run's record.

    What is on disk is not repeated.

    Args:
        record: A finished `records.RunRecord`.
        choices: A `configuration.Steepness`.
        dataset: The run's `data.Data`.
        wait: Whether to wait for another process that works on the same run, or to raise.

    Raises:
        BusyError: another process works on this run and `wait` is false.
        UserError: a file of the record is damaged, `dataset` is not the run's, or `steepness` objects.
    """
    with record.lock(wait=wait):
        file = record.steepness(choices)
        if file.exists():
            return
        check_measurable(record, dataset)
        objective = Objective(load_minimizer(record), dataset.train_inputs, dataset.train_labels,
                              statistics=choices.statistics, batch_size=choices.batch_size)
        result = steepness(objective, choices)
        logging.info("%s: largest rise %.4g %% at %d random corners, %.4g %% in %d blocks", record.name,
                     max(result.random), choices.directions, max(result.blocks), choices.blocks)
        files.write_json(file, {**result.to_json(), "weights_checksum": record.minimizer.checksum})


def steepness(objective, choices):
    """The rises of an objective from its model's weights, one pass over the data for each direction.

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
        return (objective.value(x + direction) - loss) / (1 + loss) * 100

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
    """`direction` [n] in the coordinates of `block`, and 0 elsewhere."""
    result = np.zeros_like(direction)
    result[block] = direction[block]
    return result


def _counts(n):
    """The shares of n coordinates as whole numbers of them, in increasing order."""
    return sorted({max(1, round(share * n)) for share in configuration.Steepness.SHARES})
