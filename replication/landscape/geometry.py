"""Where the weights of a run are: their distance from its start, and their lengths."""

import dataclasses

import numpy as np

from replication import configuration, machine
from replication.sharpness.invariance import normalized_layers, norms


@dataclasses.dataclass(frozen=True)
class GeometryResult:
    """Distances and lengths of weights x.

    Attributes:
        configuration: The `configuration.Geometry`.
        distance: ||x - x_start||, the distance from the weights at which the run started.
        norm: ||x||.
        layers: The length of each kernel before a batch normalization, by the layer's name.
        versions: The versions of the packages that the numbers depend on.
    """

    configuration: configuration.Geometry
    distance: float
    norm: float
    layers: dict
    versions: dict

    @property
    def summary(self):
        """The result in a line, for the log."""
        return f"distance {self.distance:.4g} from the start, length {self.norm:.4g}"

    def to_json(self):
        """Returns the result as a JSON-ready dictionary."""
        return dataclasses.asdict(self)


def compute(objective, choices, *, start):
    """Computes distances and lengths of the weights of an objective's model.

    Args:
        objective: A `sharpness.Objective` of all weights.
        choices: A `configuration.Geometry`.
        start: The weights at which the run started, float64 [n].

    Returns:
        A `GeometryResult`.
    """
    x, layers = objective.x, normalized_layers(objective.model)
    return GeometryResult(
        configuration=choices, distance=float(np.linalg.norm(x - start)), norm=float(np.linalg.norm(x)),
        layers={layer.name: float(norm) for layer, norm in zip(layers, norms(objective.model, x, layers))},
        versions=machine.versions())
