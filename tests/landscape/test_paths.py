"""The path between two minimizers."""

import dataclasses

import numpy as np
import pytest

from models.weights import assign_weights
from replication import configuration, data, files, landscape, records, training
from replication.landscape.paths import linear
from replication.landscape.statistics import reestimate_moving_averages
from replication.minimizers import load_minimizer
from replication.sharpness import Objective
from replication.sharpness.normalization import batch_normalizations

SMALL = configuration.Run(network="F1", regime="SB", trial=0, dataset="digits", batch_size=144, epochs=2)
LARGE = dataclasses.replace(SMALL, regime="LB", batch_size=719)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    workdir = records.Workdir.create(tmp_path_factory.mktemp("paths"))
    for run in (SMALL, LARGE):
        training.train(run, workdir, verbose=0)
    return workdir


@pytest.mark.parametrize("statistics", ["batch", "moving"])
def test_ends_are_the_minimizers(workdir, statistics):
    path = configuration.Path(points=4, statistics=statistics)
    dataset = data.load("digits")
    (pair,) = landscape.pairs(workdir.runs()[0])
    content = files.read_json(landscape.measure_path(workdir, path, *pair, dataset))
    assert content["alpha"] == pytest.approx([-1, 0, 1, 2])
    assert (content["small_batch"], content["large_batch"]) == (SMALL.name, LARGE.name)
    if statistics == "batch":
        for index, record in ((1, pair[0]), (2, pair[1])):
            for split in ("train", "test"):
                assert content[f"{split}_loss"][index] == pytest.approx(
                    record.result["batch"][f"{split}_loss"], abs=1e-6)
                assert content[f"{split}_accuracy"][index] == pytest.approx(
                    record.result["batch"][f"{split}_accuracy"], abs=1e-6)


def test_path_on_disk_is_not_evaluated_again(workdir):
    path = configuration.Path(points=2)
    (pair,) = landscape.pairs(workdir.runs()[0])
    file = landscape.measure_path(workdir, path, *pair, data.load("digits"))
    written = file.stat().st_mtime_ns
    assert landscape.measure_path(workdir, path, *pair, None) == file
    assert file.stat().st_mtime_ns == written


def test_linear_path():
    small, large = np.array([1.0, 2.0]), np.array([3.0, -2.0])
    assert linear(0, small, large) == pytest.approx(small)
    assert linear(1, small, large) == pytest.approx(large)
    assert linear(-1, small, large) == pytest.approx([-1, 6])


def test_reestimated_averages_are_those_of_the_set(workdir):
    """With one batch that holds the whole set, moving and batch statistics are the same thing."""
    dataset = data.load("digits")
    model = load_minimizer(workdir.run(SMALL))
    x = Objective(model, dataset.train_inputs, dataset.train_labels).x + 0.01
    reestimate_moving_averages(model, x, dataset.train_inputs, batch_size=5000)
    moving, batch = (Objective(model, dataset.train_inputs, dataset.train_labels, statistics=s)
                     for s in ("moving", "batch"))
    assert moving.value(x) == pytest.approx(batch.value(x), rel=1e-4)
    assert len(batch_normalizations(model)) == 5
    assign_weights(model, x)
