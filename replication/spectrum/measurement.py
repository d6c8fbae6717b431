"""The spectrum of the Hessian at a minimizer, and the sharpness that the quadratic model of f predicts."""

import dataclasses
import time

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from replication import configuration, machine
from replication.sharpness.maximizer import Box, maximize
from replication.sharpness.metric import percent
from replication.sharpness.subspace import space
from replication.spectrum.estimates import density, extreme_eigenvalues, trace
from replication.spectrum.hessian import checked


@dataclasses.dataclass(frozen=True)
class SpectrumResult:
    """The spectrum of H, or of D H D for the half-widths D of a box.

    Attributes:
        configuration: The `configuration.Spectrum` with every choice.
        loss: f(x).
        gradient_norm: The length of the gradient of f, or of D times the gradient.
        eigenvalues: The lowest and the highest eigenvalues, in ascending order.
        residuals: The length of H v - lambda v for each of them.
        trace, trace_error: The trace and its standard error; NaN if a single product decides it, None in the record.
        nodes, weights: The `Density`, a list for each probe.
        predicted: With a box, the largest rise of the quadratic model that the maximizer finds, as Metric 2.1 counts
            it, in percent, in the box of the "full" space and of the "subspace"; otherwise None.
        products: The number of products with the Hessian.
        seconds: The duration of the measurement.
        versions: The versions of the packages that the numbers depend on.
    """

    configuration: configuration.Spectrum
    loss: float
    gradient_norm: float
    eigenvalues: tuple
    residuals: tuple
    trace: float
    trace_error: float
    nodes: list
    weights: list
    predicted: dict | None
    products: int
    seconds: float
    versions: dict

    @property
    def summary(self):
        """The result in a line, for the log."""
        return f"eigenvalues from {self.eigenvalues[0]:.4g} to {self.eigenvalues[-1]:.4g}, trace {self.trace:.4g}"

    def to_json(self):
        """Returns the result as a JSON-ready dictionary."""
        content = dataclasses.asdict(self)
        return {**content, "trace_error": None if np.isnan(self.trace_error) else self.trace_error}


def compute(objective, choices):
    """Computes the spectrum of an objective's Hessian at its model's weights.

    Args:
        objective: A `sharpness.Objective`, made with the choices' statistics, batch size and examples.
        choices: A `configuration.Spectrum`.

    Returns:
        A `SpectrumResult`.

    Raises:
        UserError: a number of directions, steps or eigenvalues does not fit the number of weights.
        MeasurementFailedError: a check fails, see `hessian.hessian`, or ARPACK does not converge.
    """
    began = time.perf_counter()
    loss, gradient = objective.value_and_gradient(objective.x)
    hessian, operator, predicted = checked(objective, loss), None, None
    if choices.epsilon is None:
        operator = hessian
    else:
        box = Box.around(objective.x, choices.epsilon)
        operator = in_box(hessian, box)
        predicted = {name: predicted_rise(hessian, loss, gradient, choices=choices, dimension=dimension)
                     for name, dimension in (("full", 0), ("subspace", choices.subspace_dim))}
        gradient = box.half_widths * gradient
    values, vectors = extreme_eigenvalues(operator, choices.eigenvalues, seed=choices.seed)
    found = density(operator, choices.probes, choices.steps, seed=choices.seed)
    total = trace(operator, choices.trace_products, seed=choices.seed)
    residuals = [float(np.linalg.norm(operator @ vector - value * vector)) for value, vector in zip(values, vectors.T)]
    return SpectrumResult(
        configuration=choices, loss=loss, gradient_norm=float(np.linalg.norm(gradient)),
        eigenvalues=tuple(values.tolist()), residuals=tuple(residuals), trace=total.value,
        trace_error=total.standard_error, nodes=found.nodes.tolist(), weights=found.weights.tolist(),
        predicted=predicted, products=hessian.products, seconds=time.perf_counter() - began,
        versions=machine.versions())


def in_box(hessian, box):
    """Returns D H D as a LinearOperator, for D the half-widths of a `Box`; in its coordinates the box is [-1, 1]^n."""
    scaling = scipy.sparse.linalg.aslinearoperator(scipy.sparse.diags_array(box.half_widths))
    product = scaling @ hessian @ scaling
    product.precision = hessian.precision
    return product


def predicted_rise(hessian, loss, gradient, *, choices, dimension):
    """Returns Metric 2.1 of the quadratic model f + g' d + d' H d / 2, in percent, by the same maximizer.

    Args:
        hessian: The `Hessian`.
        loss, gradient: f and its gradient at x.
        choices: A `configuration.Spectrum` with an epsilon.
        dimension: p, or 0 for the full space.
    """
    around = space(hessian.objective.x, dimension, seed=choices.seed)

    def value_and_gradient(y):
        step = around.step(y)
        product = hessian @ step
        return loss + gradient @ step + step @ product / 2, around.pull_back(gradient + product)

    found = maximize(value_and_gradient, Box.around(around.coordinates, choices.epsilon), seed=choices.seed,
                     at_zero=(loss, around.pull_back(gradient)))
    return percent(found.value, loss)
