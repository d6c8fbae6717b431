"""The largest f in four sets around a minimizer, f of each layer's box, and accuracies under attack."""

import dataclasses
import time

import numpy as np

from replication import configuration, machine
from replication.errors import MeasurementFailedError
from replication.robustness.attacks import Attacks
from replication.robustness.balls import maximize_in_ball
from replication.sharpness.maximizer import NOT_FINITE
from replication.sharpness.metric import compute as compute_sharpness
from replication.sharpness.metric import compute_layers, percent


@dataclasses.dataclass(frozen=True)
class RobustnessResult:
    """Rises of f and accuracies under attack.

    A rise is (max f - f(x)) / (1 + f(x)) * 100, in percent, as in Metric 2.1.

    Attributes:
        configuration: The `configuration.Robustness` with every choice.
        loss: f(x).
        rises: The rise in Metric 2.1's "box", in the "ball" and the "adaptive ball" of sharpness-aware minimization,
            and in the box of the "inputs", where f is the cross-entropy.
        layers: Metric 2.1 of each layer's weights alone, by the layer's path.
        clean: The test accuracy, a share.
        single_step, steps: The test accuracy under one step of the gradient's sign and under several, for each of
            `Robustness.RADII`.
        seconds: The duration of the measurement.
        versions: The versions of the packages that the numbers depend on.
    """

    configuration: configuration.Robustness
    loss: float
    rises: dict
    layers: dict
    clean: float
    single_step: tuple
    steps: tuple
    seconds: float
    versions: dict

    @property
    def summary(self):
        """The result in a line, for the log."""
        radius = configuration.Robustness.RADII[0]
        return (", ".join(f"rise {rise:.4g} % ({name})" for name, rise in self.rises.items())
                + f"; accuracy {self.clean:.4f}, attacked by {radius:g} {self.steps[0]:.4f}")

    def to_json(self):
        """Returns the result as a JSON-ready dictionary."""
        return dataclasses.asdict(self)


def compute(objective, choices, *, dataset):
    """Computes the robustness of an objective's model at its present weights.

    Args:
        objective: A `sharpness.Objective`, made with the choices' statistics, batch size and examples.
        choices: A `configuration.Robustness`.
        dataset: The `data.Data` of the run.

    Returns:
        A `RobustnessResult`.

    Raises:
        MeasurementFailedError: f is not finite at a point of a set, or Metric 2.1 fails its checks.
    """
    began, x = time.perf_counter(), objective.x
    box = configuration.Sharpness(epsilon=choices.epsilon, statistics=choices.statistics, batch_size=choices.batch_size,
                                  iterations=choices.iterations, seed=choices.seed)
    whole = compute_sharpness(objective, box)
    options = {"statistics": choices.statistics, "batch_size": choices.batch_size, "seed": choices.seed}
    try:
        at_zero = objective.value_and_gradient(x)
        largest = {name: maximize_in_ball(lambda d: objective.value_and_gradient(x + d), radius, scales,
                                          iterations=choices.iterations, at_zero=at_zero)
                   for name, radius, scales in (("ball", choices.rho, np.ones_like(x)),
                                                ("adaptive ball", choices.adaptive_rho, np.abs(x)))}
        train = Attacks(objective.model, *dataset.training_examples(choices.examples), **options)
        attacked, unchanged = train.largest_loss(choices.input_radius, choices.iterations), train.clean()[0]
        if not np.isfinite([attacked, unchanged]).all():
            raise FloatingPointError(NOT_FINITE)
    except FloatingPointError as error:
        raise MeasurementFailedError(str(error)) from None
    rises = {"box": whole.sharpness, **{name: percent(value, whole.loss) for name, value in largest.items()}}
    rises["inputs"] = percent(attacked, unchanged)
    test = Attacks(objective.model, dataset.test_inputs, dataset.test_labels, **options)
    radii = configuration.Robustness.RADII
    return RobustnessResult(
        configuration=choices, loss=whole.loss, rises=rises,
        layers={layer: each.sharpness for layer, each in compute_layers(objective, box).items()},
        clean=test.clean()[1], single_step=tuple(test.single_step(radius)[1] for radius in radii),
        steps=tuple(test.steps(radius, choices.iterations)[1] for radius in radii),
        seconds=time.perf_counter() - began, versions=machine.versions())
