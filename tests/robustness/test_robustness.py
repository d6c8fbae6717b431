"""Attacks on inputs and maxima over balls, where they are known in closed form."""

import json

import keras
import numpy as np
import pytest
import scipy.special

from replication import configuration, data, memory
from replication.errors import MeasurementFailedError, UserError
from replication.robustness import Attacks, maximize_in_ball
from replication.robustness.measurement import compute
from replication.sharpness import Objective

WEIGHTS = np.array([[1.0, -2.0, 0.5], [0.3, 0.1, -1.0]]).T


@pytest.fixture(scope="module")
def problem():
    """A softmax regression of two classes: an attack moves each input along the sign of w_other - w_label."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    model.set_weights([WEIGHTS, np.zeros(2)])
    generator = np.random.default_rng(0)
    inputs, labels = generator.normal(size=(90, 3)).astype(np.float32), generator.integers(2, size=90, dtype=np.int32)
    return model, inputs, labels


def known(inputs, labels, radius):
    """The cross-entropy and the accuracy after the best attack within a radius, in closed form."""
    towards = WEIGHTS[:, 1 - labels].T - WEIGHTS[:, labels].T
    logits = (inputs + radius * np.sign(towards)) @ WEIGHTS
    losses = scipy.special.logsumexp(logits, axis=1) - logits[np.arange(len(labels)), labels]
    return losses.mean(), np.mean(np.argmax(logits, axis=1) == labels)


@pytest.mark.parametrize("radius", [0.0, 0.05, 0.5])
def test_attacks_on_a_linear_model_find_the_worst_input(problem, radius):
    attacks = Attacks(*problem, statistics="batch", batch_size=40)
    expected = known(*problem[1:], radius)
    assert attacks.single_step(radius) == pytest.approx(expected, rel=1e-5)
    assert attacks.steps(radius, 8) == pytest.approx(expected, rel=1e-5)
    assert attacks.clean() == pytest.approx(known(*problem[1:], 0.0), rel=1e-5)
    assert attacks.largest_loss(radius, 8) == pytest.approx(expected[0], rel=1e-5)


def test_batches_that_do_not_fit_are_told(problem, monkeypatch):
    attacks = Attacks(*problem, statistics="batch", batch_size=40)
    monkeypatch.setattr(memory, "available", lambda: 100)
    for attack in (attacks.clean, lambda: attacks.single_step(0.1), lambda: attacks.largest_loss(0.1, 2)):
        with pytest.raises(UserError, match="batch_size=30: the activations"):
            attack()


def test_statistics_have_a_name_of_the_two(problem):
    with pytest.raises(UserError, match="statistics='Batch'"):
        Attacks(*problem, statistics="Batch", batch_size=40)


def test_the_largest_loss_is_that_of_the_best_point_of_each_batch(problem):
    """Attacks overshoot the maxima of a loss that oscillates within their steps."""
    _, inputs, labels = problem
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation=keras.ops.cos),
                              keras.layers.Dense(2, activation="softmax")])
    generator = np.random.default_rng(2)
    model.set_weights([40 * generator.normal(size=(3, 4)), np.zeros(4), generator.normal(size=(4, 2)), np.zeros(2)])
    batches = [slice(0, 45), slice(45, 90)]

    def losses(attack, rows):
        return attack(Attacks(model, inputs[rows], labels[rows], statistics="batch", batch_size=45))

    best = [max(losses(attack, rows) for attack in (
        lambda a: a.clean()[0], lambda a: a.single_step(0.3)[0], lambda a: a.steps(0.3, 5)[0])) for rows in batches]
    found = [losses(lambda a: a.largest_loss(0.3, 5), rows) for rows in batches]
    assert all(one >= other for one, other in zip(found, best)) and found != best
    assert losses(lambda a: a.largest_loss(0.3, 5), slice(None)) >= losses(lambda a: a.steps(0.3, 5)[0], slice(None))


def test_images_stay_in_their_range_and_steps_in_their_box():
    model = keras.Sequential([
        keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")])
    generator = np.random.default_rng(1)
    inputs = np.round(generator.random((20, 4, 4, 1), dtype=np.float32))
    attacks = Attacks(model, inputs, generator.integers(3, size=20, dtype=np.int32), statistics="batch", batch_size=20)
    seen = []
    evaluate = attacks._evaluate
    attacks._evaluate = lambda moved, labels: seen.append(moved.numpy()) or evaluate(moved, labels)
    attacks.steps(0.3, 5)
    assert seen[0].min() >= 0 and seen[0].max() <= 1
    moved = np.sort(np.abs(np.sort(seen[0].ravel()) - np.sort(inputs.ravel())))
    assert moved.max() <= 0.3 + 1e-6 and moved.max() > 0.29


def test_balls_of_a_convex_quadratic():
    """From its minimum the power method ends at the top eigenvector; off it, the linear part joins in."""
    generator = np.random.default_rng(0)
    basis = np.linalg.qr(generator.normal(size=(6, 6)))[0]
    hessian = (basis * [1.0, 1.0, 2.0, 2.0, 3.0, 20.0]) @ basis.T
    gradient = 1e-3 * generator.normal(size=6)

    def quadratic(d):
        return gradient @ d + d @ hessian @ d / 2, gradient + hessian @ d

    found = maximize_in_ball(quadratic, 0.5, np.ones(6), iterations=20)
    exact = 0.5 * 20 * 0.5**2 + 0.5 * abs(gradient @ basis[:, 5])
    assert found == pytest.approx(exact, rel=1e-6)
    single, _ = quadratic(0.5 * gradient / np.linalg.norm(gradient))
    assert maximize_in_ball(quadratic, 0.5, np.ones(6), iterations=1) == pytest.approx(single)
    scales = np.array([0.0, 1.0, 2.0, 0.5, 1.0, 3.0])
    scaled = np.linalg.eigvalsh(scales[:, None] * hessian * scales)[-1]
    assert maximize_in_ball(lambda d: (d @ hessian @ d / 2, hessian @ d + 1e-9), 0.5, scales,
                            iterations=60) == pytest.approx(0.125 * scaled, rel=1e-4)
    assert maximize_in_ball(lambda d: (1.0, np.zeros(6)), 0.5, scales) == 1.0
    assert maximize_in_ball(lambda d: (d @ d, 2 * d), 0.5, np.ones(6)) == pytest.approx(0.25)
    with pytest.raises(FloatingPointError):
        maximize_in_ball(lambda d: (np.inf if d.any() else 0.0, np.ones(6)), 0.5, np.ones(6))


def test_the_measurement_of_a_model(problem):
    model, inputs, labels = problem
    dataset = data.Data("digits", inputs, labels, inputs, labels, "f00d", None, {})
    choices = configuration.Robustness(input_radius=0.05, iterations=5)
    result = compute(Objective(model, inputs, labels), choices, dataset=dataset)
    clean, attacked = known(inputs, labels, 0.0), known(inputs, labels, 0.05)
    assert result.loss == pytest.approx(clean[0], rel=1e-5) and result.clean == pytest.approx(clean[1])
    assert result.rises["inputs"] == pytest.approx(100 * (attacked[0] - clean[0]) / (1 + clean[0]), rel=1e-3)
    (whole,) = result.layers.values()
    assert result.rises["box"] == pytest.approx(whole, rel=1e-6)
    objective = Objective(model, inputs, labels)
    gradient = np.linalg.norm(objective.value_and_gradient(objective.x)[1])
    assert result.rises["ball"] >= 0.999 * 100 * 0.05 * gradient / (1 + result.loss)
    assert result.single_step[1] == pytest.approx(attacked[1]) and len(result.steps) == 4
    content = json.loads(json.dumps(result.to_json()))
    assert choices.check(content) is None
    assert dict(choices.quantities(content))["rise, box"] == result.rises["box"]


def test_a_loss_that_is_not_finite_under_attack_is_told(problem, monkeypatch):
    model, inputs, labels = problem
    monkeypatch.setattr(Attacks, "largest_loss", lambda *arguments: float("nan"))
    dataset = data.Data("digits", inputs, labels, inputs, labels, "f00d", None, {})
    with pytest.raises(MeasurementFailedError, match="not finite"):
        compute(Objective(model, inputs, labels), configuration.Robustness(iterations=1), dataset=dataset)


def test_what_attacks_cannot_take_is_told(problem):
    model, inputs, labels = problem
    choices = {"statistics": "batch", "batch_size": 40}
    expected = Attacks(*problem, **choices).single_step(0.1)
    assert Attacks(model, inputs.astype("float64"), labels.astype("int64"), **choices).single_step(0.1) == expected
    logits = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(UserError, match="its outputs are no probabilities"):
        Attacks(logits, 9 * inputs, labels, **choices)
    with pytest.raises(UserError, match=r"labels\[\d+\]=2"):
        Attacks(model, inputs, labels + 1, **choices)
    with pytest.raises(UserError, match=r"labels=\[90, 2\]: expected class numbers"):
        Attacks(model, inputs, np.eye(2, dtype="float32")[labels], **choices)
    images = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    with pytest.raises(UserError, match=r"inputs=\[0.0, 255.0\]: expected images with values in \[0, 1\]"):
        Attacks(images, np.linspace(0, 255, 160).reshape(10, 4, 4, 1), labels[:10], **choices)
