"""The path between two minimizers."""

import dataclasses
import shutil

import numpy as np
import pytest

from models.normalization import batch_normalizations
from replication import configuration, data, files, landscape, records, remedies, training
from replication.data import partition
from replication.errors import UserError
from replication.execution.measurement import measure_between
from replication.experiments import figure3
from replication.experiments.drawing import Plot
from replication.landscape.paths import curved, estimate_moving_averages, linear
from replication.report.figures import render
from replication.sharpness import Objective
from replication.weights import assign_weights, flatten_weights, load_minimizer
from tests import networks
from tests.scripts import succeed

SMALL = configuration.Run(network=networks.TWO_LAYERS, regime="SB", trial=0, dataset="digits", batch_size=144, epochs=2)
LARGE = dataclasses.replace(SMALL, regime="LB", batch_size=719)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    workdir = records.Workdir.create(tmp_path_factory.mktemp("paths"))
    for run in (SMALL, LARGE):
        training.train(run, workdir, verbose=0)
    return workdir


@pytest.mark.parametrize("kind", ["linear", "curved"])
def test_ends_are_the_minimizers(workdir, kind):
    path = configuration.Path(kind=kind, points=4)
    dataset = data.load("digits")
    (pair,) = landscape.pairs(workdir.runs()[0])
    content = files.read_json(measure_between(workdir, path, pair, dataset=dataset))
    assert content["alpha"] == pytest.approx([-1, 0, 1, 2])
    assert (content["small_batch"], content["large_batch"]) == (SMALL.name, LARGE.name)
    for index, record in ((1, pair[0]), (2, pair[1])):
        for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
            assert content[name][index] == pytest.approx(record.result["batch"][name], abs=1e-6)


def test_the_loss_is_that_of_the_runs(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    runs = [dataclasses.replace(run, training_loss="mean_squared_error", epochs=1) for run in (SMALL, LARGE)]
    pair = [training.train(run, workdir, verbose=0) for run in runs]
    path = configuration.Path(points=2, start=0.0, stop=1.0)
    content = files.read_json(measure_between(workdir, path, pair, dataset=data.load("digits")))
    for loss, record in zip(content["train_loss"], pair):
        assert loss == pytest.approx(record.result["batch"]["train_loss"], abs=1e-6)
    other = training.train(dataclasses.replace(LARGE, epochs=1), workdir, verbose=0)
    with pytest.raises(UserError, match="two runs that minimize the same loss"):
        measure_between(workdir, path, (pair[0], other), dataset=data.load("digits"))


def test_path_on_disk_is_not_evaluated_again(workdir):
    path = configuration.Path(points=2)
    (pair,) = landscape.pairs(workdir.runs()[0])
    file = measure_between(workdir, path, pair, dataset=data.load("digits"))
    written = file.stat().st_mtime_ns
    assert measure_between(workdir, path, pair, dataset=None) == file
    assert file.stat().st_mtime_ns == written


def test_moving_averages_are_estimated_at_each_point(workdir):
    """Beyond the minimizers as well, where those of training would be far off."""
    dataset, path = data.load("digits"), configuration.Path(points=2, statistics="moving")
    (pair,) = landscape.pairs(workdir.runs()[0])
    content = files.read_json(measure_between(workdir, path, pair, dataset=dataset))
    small, large = map(load_minimizer, pair)
    x = linear(2, flatten_weights(small), flatten_weights(large))
    estimate_moving_averages(small, x, dataset.train_inputs, batch_size=path.batch_size)
    objective = Objective(small, dataset.train_inputs, dataset.train_labels, statistics="moving")
    assert content["train_loss"][1] == pytest.approx(objective.value(x), rel=1e-6)


def test_f_that_is_not_finite_is_a_gap_in_record_and_figure(workdir, tmp_path):
    """Far beyond LB the weights overflow."""
    path = configuration.Path(start=-1, stop=1e39, points=3)
    (pair,) = landscape.pairs(workdir.runs()[0])
    content = files.read_json(measure_between(workdir, path, pair, dataset=data.load("digits")))
    assert content["train_loss"][0] > 0 and content["train_loss"][2] is None
    assert path.check(content) is None
    panel = figure3._panel(content)
    drawn = render(Plot(name="x", title="x", panels=(panel,)))["png"]
    assert drawn.startswith(b"\x89PNG")


def test_linear_path():
    small, large = np.array([1.0, 2.0]), np.array([3.0, -2.0])
    assert linear(0, small, large) == pytest.approx(small)
    assert linear(1, small, large) == pytest.approx(large)
    assert linear(-1, small, large) == pytest.approx([-1, 6])


def test_curved_path():
    small, large = np.array([1.0, 2.0]), np.array([3.0, -2.0])
    assert curved(0, small, large) == pytest.approx(small)
    assert curved(1, small, large) == pytest.approx(large)
    assert curved(-1, small, large) == pytest.approx(-large)
    assert curved(0.5, small, large) == pytest.approx((small + large) / np.sqrt(2))
    assert curved(2, small, large) == pytest.approx(-small)


def test_pairs_differ_in_nothing_but_the_batch_size():
    class Record:
        def __init__(self, run):
            self.configuration = run

    start = configuration.Start(SMALL.name, 1)
    conservative = remedies.Conservative()
    runs = [SMALL, LARGE, dataclasses.replace(LARGE, start=start), dataclasses.replace(LARGE, regime="grid"),
            dataclasses.replace(LARGE, remedy=conservative), dataclasses.replace(LARGE, optimizer="sgd"),
            dataclasses.replace(SMALL, optimizer="sgd"), dataclasses.replace(LARGE, precision="mixed_bfloat16"),
            dataclasses.replace(LARGE, learning_rate=0.1), dataclasses.replace(LARGE, epochs=3)]
    joined = [(small.configuration, large.configuration) for small, large in landscape.pairs(map(Record, runs))]
    assert joined == [(SMALL, LARGE), (runs[6], runs[5])]


def test_a_flipped_bit_is_found_where_the_path_uses_it(workdir, tmp_path):
    copied = records.Workdir(shutil.copytree(workdir.path, tmp_path / "work"))
    weights = copied.run(LARGE).final_weights
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    (pair,) = landscape.pairs(copied.runs(checksums=False)[0])
    with pytest.raises(UserError, match=f"{weights}: damaged"):
        measure_between(copied, configuration.Path(points=3), pair, dataset=data.load("digits"))


def test_script_evaluates_the_curved_path(workdir, tmp_path):
    copied = records.Workdir(shutil.copytree(workdir.path, tmp_path / "work"))
    file = succeed("plot_parametric", f"--workdir={copied.path}", "--path=curved", "--points=2").splitlines()[0]
    assert files.read_json(file)["configuration"] == configuration.Path(kind="curved", points=2).to_json()


def test_reestimated_averages_are_those_of_the_set(workdir):
    """With one batch that holds the whole set, moving and batch statistics are the same thing."""
    dataset = data.load("digits")
    model = load_minimizer(workdir.run(SMALL))
    x = Objective(model, dataset.train_inputs, dataset.train_labels).x + 0.01
    estimate_moving_averages(model, x, dataset.train_inputs, batch_size=5000)
    moving, batch = (Objective(model, dataset.train_inputs, dataset.train_labels, statistics=s)
                     for s in ("moving", "batch"))
    assert moving.value(x) == pytest.approx(batch.value(x), rel=1e-4)
    assert len(batch_normalizations(model)) == 2
    assign_weights(model, x)


def test_reestimated_averages_are_means_over_unequal_batches(workdir):
    """Of the first normalization, from the outputs of the layer before it; 1,437 images in three batches."""
    inputs, model = data.load("digits").train_inputs, load_minimizer(workdir.run(SMALL))
    estimate_moving_averages(model, flatten_weights(model), inputs, batch_size=500)
    outputs = inputs.reshape(len(inputs), -1) @ model.get_layer("dense1").kernel + model.get_layer("dense1").bias
    order, bounds = partition(len(inputs), 500)
    parts = [np.asarray(outputs)[order[start:stop]] for start, stop in zip(bounds[:-1], bounds[1:])]
    assert len(parts) == 3
    layer = batch_normalizations(model)[0]
    for found, statistic in ((layer.moving_mean, np.mean), (layer.moving_variance, np.var)):
        expected = sum(len(part) * statistic(part, axis=0) for part in parts) / len(inputs)
        assert found.numpy() == pytest.approx(expected, rel=1e-4, abs=1e-5)
