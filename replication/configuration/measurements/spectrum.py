"""The choices of a measurement of the Hessian's spectrum."""

import dataclasses
import typing

from replication.configuration.measurements.base import (
    NUMBER,
    NUMBERS,
    WHOLE,
    Measurement,
    batch_statistics,
    evaluation_batch,
    number_of_examples,
)
from replication.errors import are_numbers, is_finite
from replication.fields import number, whole

# A product with the Hessian takes so many passes of f and its gradient.
_PRODUCT = 2.4
# About how many products ARPACK takes for an eigenvalue, and a maximization of the quadratic model.
_PER_EIGENVALUE, _PER_MAXIMIZATION = 15, 16


@dataclasses.dataclass(frozen=True)
class Spectrum(Measurement):
    """The choices of one measurement of the spectrum of the Hessian H of f, or of D H D for the half-widths D of a box.

    In the coordinates of D H D, Metric 2.1's box is the cube [-1, 1]^n.

    Raises:
        UserError: a value is out of range; the message names it.
    """

    KIND: typing.ClassVar[str] = "spectrum"
    COMPUTATION: typing.ClassVar[str] = "replication.spectrum.measurement"
    CONTENT: typing.ClassVar[dict] = {
        "loss": NUMBER, "gradient_norm": NUMBER, "eigenvalues": NUMBERS, "residuals": NUMBERS, "trace": NUMBER,
        "trace_error": {"type": ["number", "null"]}, "nodes": {"type": "array", "items": NUMBERS},
        "weights": {"type": "array", "items": NUMBERS}, "predicted": {"type": ["object", "null"]}, "products": WHOLE,
        "seconds": NUMBER}

    epsilon: float | None = number(
        None, "Half-width of Metric 2.1's box, relative to |x_i| + 1, for the spectrum of D H D and the rise that the "
        "quadratic model predicts in the box and the subspace; by default the spectrum of H itself.", above=0)
    eigenvalues: int = whole(3, "Number of eigenvalues at each end of the spectrum.", at_least=1)
    probes: int = whole(4, "Random directions of the spectral density.", at_least=1)
    steps: int = whole(40, "Lanczos steps from each of them.", at_least=1)
    trace_products: int = whole(30, "Products with the Hessian for the trace.", at_least=3)
    subspace_dim: int = whole(100, "p, the dimension of the random subspace of the prediction.", at_least=1)
    statistics: str = batch_statistics()
    batch_size: int = evaluation_batch()
    examples: int | None = number_of_examples()
    seed: int = whole(0, "Seed of the random directions and of the subspace.")

    def record_name(self, *runs):
        return f"{'hessian' if self.epsilon is None else f'box-{self.epsilon:g}'}-{self.digest()}"

    def passes(self, dataset):
        products = 2 * self.eigenvalues * _PER_EIGENVALUE + self.probes * self.steps + self.trace_products
        return _PRODUCT * (products + (0 if self.epsilon is None else 2 * _PER_MAXIMIZATION))

    def vector_bytes(self, parameters):
        columns = max(self.steps, 2 * self.trace_products, 20 + 2 * self.eigenvalues, self.subspace_dim // 2)
        return 8 * parameters * columns

    def quantities(self, content):
        predicted = (content.get("predicted") or {}).items()
        return [*((f"eigenvalue {number}", value) for number, value in enumerate(content["eigenvalues"], 1)),
                ("trace", content["trace"]), ("length of the gradient", content["gradient_norm"]),
                *((f"predicted rise, {space}", value) for space, value in predicted)]

    def check(self, content):
        for name in ("loss", "gradient_norm", "trace"):
            if not is_finite(content.get(name)):
                return name
        if not are_numbers(content.get("eigenvalues")) or len(content["eigenvalues"]) != 2 * self.eigenvalues:
            return "eigenvalues"
        for name in ("nodes", "weights"):
            rows = content.get(name)
            if not isinstance(rows, list) or len(rows) != self.probes or not all(map(are_numbers, rows)):
                return name
        predicted = content.get("predicted")
        if self.epsilon is not None and not (isinstance(predicted, dict) and all(
                is_finite(predicted.get(space)) for space in ("full", "subspace"))):
            return "predicted"
        return None
