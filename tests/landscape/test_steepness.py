"""Rises in many directions against closed forms of softmax regression, and the record of a run."""

import dataclasses
import itertools

import numpy as np
import pytest

from replication import configuration, data, files, records, training
from replication.configuration import Steepness
from replication.errors import UserError
from replication.landscape import measure_steepness
from replication.landscape.steepness import steepness
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
        return steepness(self.objective, Steepness(epsilon=EPSILON, **choices))


@pytest.fixture(scope="module")
def problem():
    return Problem()


def test_random_directions_are_corners_of_the_box(problem):
    corners = sorted(problem.rise(np.array(signs) * problem.half_widths)
                     for signs in itertools.product([-1.0, 1.0], repeat=len(problem.theta)))
    result = problem.take(directions=400, blocks=1)
    assert result.loss == pytest.approx(problem.loss, rel=1e-12)
    assert len(result.random) == 400
    nearest = np.abs(np.subtract.outer(result.random, corners)).min(axis=1)
    assert nearest.max() < 1e-9
    assert min(result.random) == pytest.approx(corners[0]) and max(result.random) == pytest.approx(corners[-1])


def test_blocks_of_one_coordinate(problem):
    n = len(problem.theta)
    result = problem.take(directions=1, blocks=n)
    each = np.diag(np.where(problem.gradient < 0, -1, 1) * problem.half_widths)
    assert sorted(result.blocks) == pytest.approx(sorted(problem.rise(direction) for direction in each), rel=1e-9)
    shares = np.abs(problem.gradient) * problem.half_widths
    shares /= shares.sum()
    assert sorted(result.block_gradient_shares) == pytest.approx(sorted(shares), rel=1e-9)
    assert result.ranked_gradient_shares == pytest.approx(sorted(shares, reverse=True), rel=1e-9)


def test_one_block_is_the_corner_of_steepest_rise(problem):
    result = problem.take(directions=1, blocks=1)
    corner = np.where(problem.gradient < 0, -1, 1) * problem.half_widths
    assert result.blocks == pytest.approx((problem.rise(corner),), rel=1e-9)
    assert result.block_gradient_shares == result.ranked_gradient_shares == (1.0,)


@pytest.mark.parametrize("blocks", [2, 4])
def test_blocks_are_a_partition(problem, blocks):
    result = problem.take(directions=1, blocks=blocks)
    assert len(result.blocks) == blocks
    for shares in (result.block_gradient_shares, result.ranked_gradient_shares):
        assert sum(shares) == pytest.approx(1)
    assert result.ranked_gradient_shares[0] >= max(result.block_gradient_shares) - 1e-12


def test_the_seed_decides(problem):
    first, again, other = (problem.take(directions=5, blocks=3, seed=seed) for seed in (0, 0, 1))
    assert (first.random, first.blocks) == (again.random, again.blocks)
    assert first.random != other.random


def test_without_a_gradient_no_block_has_a_share():
    """At theta = 0 with balanced classes and inputs of 0 the gradient vanishes to the last bit."""
    objective = Objective(cases.regression_model(np.zeros(6), 2), np.zeros((80, 2)), np.repeat([0, 1], 40))
    assert steepness(objective, Steepness(directions=1, blocks=3)).block_gradient_shares == (0, 0, 0)


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
    measure_steepness(record, choices, dataset)
    (content,), problems = record.steepnesses()
    assert not problems
    assert Steepness.from_json(content["configuration"]) == choices
    assert (len(content["random"]), len(content["blocks"]), len(content["block_gradient_shares"])) == (3, 4, 4)
    assert content["weights_checksum"] == record.minimizer.checksum
    assert content["loss"] == pytest.approx(record.result["batch"]["train_loss"], rel=1e-5)
    assert min(content["blocks"]) > 0 and set(content) >= {"versions", "seconds"}
    written = record.steepness(choices).stat().st_mtime_ns
    measure_steepness(record, choices, None)
    assert record.steepness(choices).stat().st_mtime_ns == written
    with pytest.raises(UserError, match="other data"):
        measure_steepness(record, dataclasses.replace(choices, seed=1),
                          dataclasses.replace(dataset, fingerprint="of other data"))
    assert files.file_checksum(record.final_weights) == record.minimizer.checksum
