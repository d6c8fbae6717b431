"""Rises in many directions against closed forms of softmax regression, and the record of a run."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from replication import configuration, data, files, records, training
from replication.configuration import Steepness
from replication.errors import UserError
from replication.execution.measurement import measure_run
from replication.experiments import steepness
from replication.landscape.steepness import compute
from replication.sharpness import Objective
from tests.sharpness import cases

FEATURES, CLASSES, EPSILON = 2, 2, 0.05


class Problem:
    """Softmax regression: the objective, and its rises by NumPy."""

    def __init__(self):
        self._data = cases.softmax_regression(FEATURES, CLASSES, seed=1)
        self.theta = np.random.default_rng(2).normal(size=(FEATURES + 1) * CLASSES)
        self.loss, self.gradient = cases.loss_and_gradient(self.theta, *self._data)
        self.half_widths = EPSILON * (np.abs(self.theta) + 1)
        self.objective = Objective(cases.regression_model(self.theta, FEATURES), *self._data)

    def rise(self, direction):
        raised = cases.loss_and_gradient(self.theta + direction, *self._data)[0]
        return (raised - self.loss) / (1 + self.loss) * 100

    def take(self, **choices):
        return compute(self.objective, Steepness(epsilon=EPSILON, **choices))


@pytest.fixture(scope="module")
def problem():
    return Problem()


def _only(direction, block):
    return np.where(np.isin(np.arange(len(direction)), block), direction, 0)


def test_random_directions_are_corners_of_the_box(problem):
    corners = sorted(problem.rise(np.array(signs) * problem.half_widths)
                     for signs in itertools.product([-1.0, 1.0], repeat=len(problem.theta)))
    result = problem.take(directions=400, blocks=1)
    assert result.loss == pytest.approx(problem.loss, rel=1e-12)
    assert len(result.random) == 400
    nearest = np.abs(np.subtract.outer(result.random, corners)).min(axis=1)
    assert nearest.max() < 1e-9
    assert min(result.random) == pytest.approx(corners[0]) and max(result.random) == pytest.approx(corners[-1])


def test_a_rise_that_is_not_finite_is_a_gap(monkeypatch):
    """Every second value is NaN or infinite."""
    problem, count = Problem(), itertools.count()
    value = problem.objective.value
    monkeypatch.setattr(problem.objective, "value", lambda x: (value(x), np.inf, value(x), np.nan)[next(count) % 4])
    result = problem.take(directions=4, blocks=2)
    content = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert sum(rise is None for rise in content["random"]) == 2
    assert Steepness(directions=4, blocks=2).check(content) is None
    assert "nan" not in result.summary
    panel = steepness._distributions({"SB": content})
    assert max(panel.series[0].y) == 50


def test_blocks_of_one_coordinate(problem):
    n = len(problem.theta)
    result = problem.take(directions=1, blocks=n)
    each = np.diag(np.where(problem.gradient < 0, -1, 1) * problem.half_widths)
    assert sorted(result.blocks) == pytest.approx(sorted(problem.rise(direction) for direction in each), rel=1e-9)


def test_one_block_is_the_corner_of_steepest_rise(problem):
    result = problem.take(directions=1, blocks=1)
    corner = np.where(problem.gradient < 0, -1, 1) * problem.half_widths
    assert result.blocks == pytest.approx((problem.rise(corner),), rel=1e-9)


@pytest.mark.parametrize("blocks", [2, 4])
def test_blocks_are_a_partition(problem, blocks):
    """Each rise is that of one of the ways to choose so many coordinates, and no coordinate is in two."""
    result = problem.take(directions=1, blocks=blocks)
    corner = np.where(problem.gradient < 0, -1, 1) * problem.half_widths
    n = len(corner)
    sizes = [n // blocks + (number < n % blocks) for number in range(blocks)]
    chosen = []
    for size, found in zip(sizes, result.blocks):
        chosen += min(itertools.combinations(range(n), size), key=lambda block: abs(
            problem.rise(_only(corner, block)) - found))
        assert problem.rise(_only(corner, chosen[-size:])) == pytest.approx(found, rel=1e-9)
    assert sorted(chosen) == list(range(n))


def test_the_steepest_coordinates_go_first(problem):
    """Of six coordinates 0.1 to 20 % are one of them, each count once."""
    ranked = problem.take(directions=1, blocks=1).ranked
    order = np.argsort(-np.abs(problem.gradient) * problem.half_widths)
    corner = np.where(problem.gradient < 0, -1, 1) * problem.half_widths
    assert [share for share, _ in ranked] == [1 / 6, 3 / 6, 6 / 6]
    assert [rise for _, rise in ranked] == pytest.approx(
        [problem.rise(_only(corner, order[:count])) for count in (1, 3, 6)], rel=1e-9)


def test_a_steep_coordinate_is_one_of_a_large_gradient_in_a_wide_box():
    """Where a large weight has a smaller gradient than others, and the steepest rise all the same."""
    inputs, labels = np.array([[1.0, 0.8]]), np.array([0])
    theta = np.array([0.0, 0.0, 3.0, 0.0, 0.0, 0.0])
    _, gradient = cases.loss_and_gradient(theta, inputs, labels)
    steepest = np.argmax(np.abs(gradient) * (np.abs(theta) + 1))
    assert steepest != np.argmax(np.abs(gradient))
    objective = Objective(cases.regression_model(theta, FEATURES), inputs, labels)
    (_, rise), *_ = compute(objective, Steepness(directions=1, blocks=1)).ranked
    step = np.zeros(6)
    step[steepest] = np.sign(gradient[steepest]) * 1e-3 * (np.abs(theta[steepest]) + 1)
    before, after = (cases.loss_and_gradient(point, inputs, labels)[0] for point in (theta, theta + step))
    assert rise == pytest.approx((after - before) / (1 + before) * 100, rel=1e-6)


def test_the_seed_decides(problem):
    first, again, other = (problem.take(directions=5, blocks=3, seed=seed) for seed in (0, 0, 1))
    assert (first.random, first.blocks) == (again.random, again.blocks)
    assert first.random != other.random


def test_without_a_gradient_the_shares_are_taken_all_the_same():
    """At theta = 0 with balanced classes and inputs of 0 the gradient vanishes to the last bit."""
    objective = Objective(cases.regression_model(np.zeros(6), 2), np.zeros((80, 2)), np.repeat([0, 1], 40))
    ranked = compute(objective, Steepness(directions=1, blocks=3)).ranked
    assert [share for share, _ in ranked] == [1 / 6, 3 / 6, 6 / 6] and np.isfinite(ranked).all()


def test_more_blocks_than_weights_are_an_error(problem):
    with pytest.raises(UserError, match="blocks=7: expected at most n=6"):
        problem.take(blocks=7)


@pytest.mark.parametrize("choices, message", [
    ({"epsilon": 0}, "epsilon=0"), ({"directions": 0}, "directions=0"), ({"blocks": 1.5}, "blocks=1.5"),
    ({"statistics": "both"}, "statistics='both'"), ({"seed": -1}, "seed=-1"), ({"batch_size": 0}, "batch_size=0"),
])
def test_bad_choices_are_named(choices, message):
    with pytest.raises(UserError, match=message):
        Steepness(**choices)


def test_the_record_of_a_run(tmp_path):
    run = configuration.Run(network="F1", regime="LB", trial=0, dataset="digits", batch_size=719, epochs=1)
    record = training.train(run, records.Workdir.create(tmp_path), verbose=0)
    choices, dataset = Steepness(directions=3, blocks=4), data.load("digits")
    measure_run(record, [choices], dataset)
    (content,), problems = record.measurements("steepness")
    assert not problems
    assert Steepness.from_json(content["configuration"]) == choices
    assert (len(content["random"]), len(content["blocks"])) == (3, 4)
    assert [share for share, _ in content["ranked"]] == pytest.approx(Steepness.SHARES, abs=1e-6)
    rises = [rise for _, rise in content["ranked"]]
    assert rises == sorted(rises) and rises[0] > 0
    assert content["weights_checksum"] == record.minimizer.checksum
    assert content["loss"] == pytest.approx(record.result["batch"]["train_loss"], rel=1e-5)
    assert min(content["blocks"]) > 0 and set(content) >= {"versions", "seconds"}
    written = record.measurement(choices).stat().st_mtime_ns
    measure_run(record, [choices], None)
    assert record.measurement(choices).stat().st_mtime_ns == written
    with pytest.raises(UserError, match="other data"):
        measure_run(record, [dataclasses.replace(choices, seed=1)],
                    dataclasses.replace(dataset, fingerprint="of other data"))
    assert files.file_checksum(record.final_weights) == record.minimizer.checksum
