"""The choices of a measurement of distances and norms of a run's weights."""

import dataclasses
import typing

from replication.configuration.measurements.base import BATCH_SIZE, NUMBER, NUMBERS_BY_NAME, STATISTICS, Measurement
from replication.errors import is_finite


@dataclasses.dataclass(frozen=True)
class Geometry(Measurement):
    """A measurement of the distance of weights from where their run began, and of their lengths; it has no choices."""

    KIND: typing.ClassVar[str] = "geometry"
    COMPUTATION: typing.ClassVar[str] = "replication.landscape.geometry"
    CONTEXT: typing.ClassVar[tuple] = ("start",)
    CONTENT: typing.ClassVar[dict] = {"distance": NUMBER, "norm": NUMBER, "layers": NUMBERS_BY_NAME}
    # They do not matter: f is not evaluated.
    statistics = STATISTICS[0]
    batch_size = BATCH_SIZE

    def record_name(self, *runs):
        return self.KIND

    def passes(self, dataset):
        return 0

    def quantities(self, content):
        lengths = [(f"length of {layer}", length) for layer, length in content["layers"].items()]
        return [("distance", content["distance"]), ("length", content["norm"]), *lengths]

    def check(self, content):
        for name in ("distance", "norm"):
            if not is_finite(content.get(name)):
                return name
        layers = content.get("layers")
        return None if isinstance(layers, dict) and all(map(is_finite, layers.values())) else "layers"
