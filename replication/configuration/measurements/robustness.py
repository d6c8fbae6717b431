"""The choices of a measurement of robustness against perturbed inputs and perturbed weights."""

import dataclasses
import typing

from replication.configuration.measurements.base import (
    BYTES_OF_A_MAXIMIZATION,
    FORWARD,
    NUMBER,
    NUMBERS,
    NUMBERS_BY_NAME,
    Measurement,
    batch_statistics,
    box_epsilon,
    evaluation_batch,
    number_of_examples,
)
from replication.errors import are_numbers, is_finite
from replication.fields import number, whole

SETS = ("box", "ball", "adaptive ball", "inputs")
# A measurement of Metric 2.1 from one start.
_BOX_PASSES = 20


@dataclasses.dataclass(frozen=True)
class Robustness(Measurement):
    """The choices of one measurement of robustness: the largest f in four sets, and accuracies under attack.

    Attributes:
        RADII: The largest changes of an input, of which the accuracies are measured; they are fixed.

    Raises:
        UserError: a value is out of range; the message names it.
    """

    KIND: typing.ClassVar[str] = "robustness"
    COMPUTATION: typing.ClassVar[str] = "replication.robustness.measurement"
    CONTEXT: typing.ClassVar[tuple] = ("dataset",)
    RADII: typing.ClassVar[tuple] = (0.02, 0.05, 0.1, 0.2)
    CONTENT: typing.ClassVar[dict] = {
        "loss": NUMBER, "rises": NUMBERS_BY_NAME, "layers": NUMBERS_BY_NAME, "clean": NUMBER, "single_step": NUMBERS,
        "steps": NUMBERS, "seconds": NUMBER}

    epsilon: float = box_epsilon()
    rho: float = number(0.05, "Radius of the ball of sharpness-aware minimization.", above=0)
    adaptive_rho: float = number(0.5, "Radius of its adaptive ball, ||d / |x||| <= rho.", above=0)
    input_radius: float = number(0.02, "Largest change of an input in the box of the inputs.", above=0)
    iterations: int = whole(10, "Iterations in each of the sets, and steps of an attack.", at_least=1)
    statistics: str = batch_statistics()
    batch_size: int = evaluation_batch()
    examples: int | None = number_of_examples()
    seed: int = whole(0, "Seed of the maximizer and of the attacks.")

    def passes(self, dataset):
        attacks = (1 + len(self.RADII)) * self.iterations * dataset.test_size / (self.examples or dataset.training_size)
        # Every layer alone is like the whole box; our networks have about 12.
        return 13 * _BOX_PASSES + 3 * self.iterations + attacks + FORWARD

    def ascents(self):
        return 1

    def largest_set(self, size):
        # Attacks pass the test set, which is no larger than the training set.
        return size

    def vector_bytes(self, parameters):
        return BYTES_OF_A_MAXIMIZATION * parameters

    def quantities(self, content):
        return [*((f"rise, {name}", rise) for name, rise in content["rises"].items()),
                *((f"rise, layer {layer}", rise) for layer, rise in content["layers"].items()),
                ("test accuracy", content["clean"]),
                *((f"test accuracy, {attack.replace('_', ' ')}, radius {radius:g}", share)
                  for attack in ("single_step", "steps") for radius, share in zip(self.RADII, content[attack]))]

    def check(self, content):
        if not is_finite(content.get("loss")):
            return "loss"
        rises = content.get("rises")
        if not isinstance(rises, dict) or not all(is_finite(rises.get(name)) for name in SETS):
            return "rises"
        layers = content.get("layers")
        if not isinstance(layers, dict) or not all(map(is_finite, layers.values())):
            return "layers"
        for name in ("single_step", "steps"):
            if not are_numbers(content.get(name)) or len(content[name]) != len(self.RADII):
                return name
        return None if is_finite(content.get("clean")) else "clean"
