"""f on the plane of two random filter-normalized directions around a minimizer (Li et al., 2018)."""

import dataclasses
import time

import numpy as np

from replication import configuration, files, machine


@dataclasses.dataclass(frozen=True)
class SurfaceResult:
    """f and accuracy at the points x + steps[i] d_1 + steps[j] d_2.

    Attributes:
        configuration: The `configuration.Surface` with every choice.
        steps: The multiples of each direction, in ascending order.
        loss: f, a list for each step i with a number for each step j; NaN where it is not finite, None in the record.
        accuracy: The accuracy on the same examples, a share.
        versions: The versions of the packages that the numbers depend on.
        seconds: The duration of the measurement.
    """

    configuration: configuration.Surface
    steps: list
    loss: list
    accuracy: list
    versions: dict
    seconds: float

    @property
    def summary(self):
        """The result in a line, for the log."""
        return f"f from {np.nanmin(self.loss):.4g} to {np.nanmax(self.loss):.4g} on {len(self.steps)}² points"

    def to_json(self):
        """Returns the result as a JSON-ready dictionary."""
        return {**dataclasses.asdict(self), "loss": [files.without_nan(row) for row in self.loss],
                "accuracy": [files.without_nan(row) for row in self.accuracy]}


def compute(objective, choices):
    """Computes f on a plane around the weights of an objective's model.

    Args:
        objective: A `sharpness.Objective`, made with the choices' statistics, batch size and examples.
        choices: A `configuration.Surface`.

    Returns:
        A `SurfaceResult`.
    """
    began = time.perf_counter()
    generator = np.random.default_rng(choices.seed)
    first, second = (filter_normalized(objective, generator) for _ in range(2))
    steps = np.linspace(-choices.reach, choices.reach, choices.points)
    values = np.array([[objective.value_and_accuracy(objective.x + i * first + j * second) for j in steps]
                       for i in steps])
    loss, accuracy = (values[..., part].tolist() for part in range(2))
    return SurfaceResult(
        configuration=choices, steps=steps.tolist(), loss=loss, accuracy=accuracy, versions=machine.versions(),
        seconds=time.perf_counter() - began)


def filter_normalized(objective, generator):
    """Returns a random direction, float64 [n], whose filters are as long as those of the model's weights x.

    A filter is what makes one output of a kernel: its last axis counts the filters. Biases and the parameters of
    normalizations stay 0, as in the method's code.

    Args:
        objective: A `sharpness.Objective`.
        generator: A NumPy `Generator`, from which the normally distributed entries are drawn.
    """
    parts, start = [], 0
    for variable in objective.variables:
        shape = tuple(variable.shape)
        size = int(np.prod(shape))
        weights = objective.x[start:start + size].reshape(-1, shape[-1]) if len(shape) > 1 else None
        start += size
        if weights is None:
            parts.append(np.zeros(size))
            continue
        drawn = generator.standard_normal(weights.shape)
        drawn *= np.linalg.norm(weights, axis=0) / np.linalg.norm(drawn, axis=0)
        parts.append(drawn.reshape(-1))
    return np.concatenate(parts)
