"""Every kind of measurement, of a small network of a user's own, from the tasks to the report."""

import dataclasses
import functools

import numpy as np
import pytest

import models
from replication import configuration, data, execution, records
from replication.configuration import Measure
from replication.configuration.tasks import START, measured_epochs, merge, scheduled_epochs
from replication.execution.tasks import is_done
from replication.landscape import paths
from replication.landscape.surface import filter_normalized
from replication.report import make_report
from replication.sharpness import Objective, compute, invariance
from replication.store import Store
from replication.weights import assign_weights, flatten_weights, load_minimizer
from tests import networks

SHARPNESS = functools.partial(configuration.Sharpness, iterations=2)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A workdir with SB and LB of a network of 8 units, and the tasks that were carried out in it."""
    workdir = records.Workdir.create(tmp_path_factory.mktemp("kinds") / "work")
    small, large = (configuration.Run(networks.TWO_LAYERS, regime, 0, "digits", size, epochs=2)
                    for regime, size in (("SB", 32), ("LB", 144)))
    bare = tuple(dataclasses.replace(run, without_normalization=True) for run in (small, large))
    spectra = tuple(configuration.Spectrum(epsilon=epsilon, eigenvalues=1, probes=1, steps=3, trace_products=3,
                                           subspace_dim=5, examples=300) for epsilon in (None, 1e-3))
    tasks = merge([
        *(Measure((run,), (configuration.Robustness(iterations=2, examples=300),)) for run in (small, bare[1])),
        Measure((small,), (SHARPNESS(), SHARPNESS(dtype="float64"), SHARPNESS(partition=1), SHARPNESS(
            box="relative", epsilon=0.02), SHARPNESS(normalize="layers"), SHARPNESS(examples=300, partition=2))),
        Measure((large,), spectra), Measure((large,), (spectra[0],), START),
        Measure((large,), (configuration.Geometry(),), 1),
        Measure((small,), (configuration.Surface(points=3, examples=300),)),
        Measure((small, large), (configuration.Reparametrization(examples=300, iterations=2),
                                 configuration.Reparametrization(examples=300, exchange_only=True))),
        Measure(bare, (configuration.Reparametrization(examples=300, iterations=2),)),
        Measure((small, large), (configuration.Path(points=3),
                                 configuration.Path(points=3, filter_normalized=True)))])
    assert execution.execute(tasks, workdir) == []
    assert all(is_done(task, workdir) is True for task in tasks)
    return workdir, tasks


def contents(workdir):
    return {path: path.read_bytes() for path in workdir.path.rglob("*.json")}


def test_what_is_measured_is_not_measured_again_and_is_reported(measured):
    workdir, tasks = measured
    before = contents(workdir)
    assert execution.execute(tasks, workdir) == [] and contents(workdir) == before
    assert make_report(workdir) == [] and Store(workdir).problems == []
    lines = workdir.measurements_table.read_text().splitlines()
    for kind in ("robustness", "spectrum", "geometry", "surface", "reparametrization", "paths", "sharpness"):
        assert sum(line.startswith(f"{kind},") for line in lines) >= 2, kind


def test_the_start_alone_is_measured(measured):
    workdir, _ = measured
    large = next(each for each in Store(workdir).runs if each.run.regime == "LB" and not each.run.without_normalization)
    assert [point.epoch for point in large.iterates] == [0, 1, 2]
    assert [len(point.measurements["spectrum"]) for point in large.iterates] == [1, 0, 0]
    distances = [point.measurements["geometry"][0].content["distance"] for point in large.iterates]
    assert distances[0] == 0 < distances[1] < large.result["distance_from_start"]
    assert measured_epochs(START, 9) == [0] and scheduled_epochs([START, 4], 9) == [4, 8]


def test_variants_of_a_measurement_differ_as_they_should(measured):
    workdir, _ = measured
    small = next(each for each in Store(workdir).runs if each.run.regime == "SB" and not each.run.without_normalization)
    found = {(each.choices.dtype, each.choices.partition, each.choices.examples): each.content
             for each in small.measurements["sharpness"]
             if (each.choices.box, each.choices.normalize) == ("paper", "none")}
    usual, exact = found["float32", 0, None], found["float64", 0, None]
    assert usual["loss"] == pytest.approx(exact["loss"], rel=1e-6) and usual["loss"] != exact["loss"]
    assert usual["sharpness"] == pytest.approx(exact["sharpness"], rel=0.02)
    # One batch of 1,437 has the same statistics in any order; other examples have another loss.
    assert found["float32", 1, None]["loss"] == pytest.approx(usual["loss"], rel=1e-6)
    assert abs(found["float32", 2, 300]["loss"] - usual["loss"]) > 1e-3 * usual["loss"]


def test_outputs_stay_where_they_should(measured):
    workdir, _ = measured
    whole = [each for each in Store(workdir).joined["reparametrization"] if not each.choices.exchange_only]
    assert {each.small.run.without_normalization for each in whole} == {False, True}
    for each in whole:
        points = each.content["points"]
        assert all(point["output_change"] < 1e-5 for point in points if point["weights"] in ("as trained", "transfer"))
        assert {point["weights"] for point in points} == {"as trained", "transfer"} | (
            set() if each.small.run.without_normalization else {"kernels", "other's lengths"})
        losses = {point["regime"]: point["loss"] for point in points if point["weights"] == "as trained"}
        for point in points:
            assert point["loss"] == pytest.approx(losses[point["regime"]], rel=0.02)
    plain, normalized = sorted(Store(workdir).paths, key=lambda path: path.choices.filter_normalized)
    assert plain.content["train_loss"] != normalized.content["train_loss"]


def test_reparametrized_points_are_measured_at_their_weights(measured):
    """SB with kernels times 2, and SB at the lengths of LB, as the same weights give them to a measurement."""
    workdir, _ = measured
    joined, = (each for each in Store(workdir).joined["reparametrization"]
               if not each.choices.exchange_only and not each.small.run.without_normalization)
    points = {(point["regime"], point["weights"], point["factor"]): point["sharpness"]
              for point in joined.content["points"]}
    assert len(set(points.values())) == len(points)
    small, large = (load_minimizer(workdir.run(each.run)) for each in (joined.small, joined.large))
    objective = Objective(small, *data.load("digits").training_examples(300))
    layers, x = invariance.normalized_layers(small), objective.x
    lengths = [invariance.norms(model, flatten_weights(model), invariance.normalized_layers(model))
               for model in (small, large)]
    for name, factor, factors in (("kernels", 2.0, [2.0] * len(layers)),
                                  ("other's lengths", None, lengths[1] / lengths[0])):
        assign_weights(small, invariance.scaled(small, x, invariance.layer_factors(layers, factors)))
        objective.reread()
        assert points["SB", name, factor] == pytest.approx(
            compute(objective, SHARPNESS(epsilon=joined.choices.epsilon)).sharpness, rel=1e-4)
    assert invariance.norms(small, objective.x, layers) == pytest.approx(lengths[1], rel=1e-5)


def test_a_filter_normalized_line_does_not_change_with_the_filters_of_lb():
    model = models.build("F1", input_shape=(16,), classes=3)
    generator = np.random.default_rng(0)
    small, large = generator.normal(size=(2, len(flatten_weights(model))))
    layers = invariance.normalized_layers(model)
    factors = invariance.layer_factors(layers, [generator.uniform(0.5, 2, 512) for _ in layers])
    once, twice = (paths._with_filters_of(model, small, x) for x in (large, invariance.scaled(model, large, factors)))
    np.testing.assert_allclose(once, twice, rtol=1e-6, atol=1e-12)
    assert np.linalg.norm(once - large) > 1
    lengths = [invariance.filter_norms(model, x, layers) for x in (small, once)]
    assert all(a == pytest.approx(b) for a, b in zip(*lengths))


def test_the_middle_of_a_surface_is_the_minimizer(measured):
    workdir, _ = measured
    small = next(each for each in Store(workdir).runs if each.run.regime == "SB" and not each.run.without_normalization)
    surface, = small.measurements["surface"]
    robustness, = small.measurements["robustness"]
    assert surface.content["steps"] == [-1, 0, 1]
    assert surface.content["loss"][1][1] == pytest.approx(robustness.content["loss"], rel=1e-6)
    assert min(value for row in surface.content["loss"] for value in row) == surface.content["loss"][1][1]
    # The row goes along the first direction, and the column along the second.
    objective = Objective(load_minimizer(workdir.run(small.run)), *data.load("digits").training_examples(300))
    generator = np.random.default_rng(surface.choices.seed)
    first, second = (filter_normalized(objective, generator) for _ in range(2))
    assert surface.content["loss"][0][2] == pytest.approx(objective.value(objective.x - first + second), rel=1e-4)
    assert surface.content["loss"][2][0] == pytest.approx(objective.value(objective.x + first - second), rel=1e-4)


def test_a_geometry_has_the_lengths_of_the_weights(measured):
    workdir, _ = measured
    large = next(each for each in Store(workdir).runs if each.run.regime == "LB" and not each.run.without_normalization)
    model = load_minimizer(workdir.run(large.run))
    content = large.iterates[2].measurements["geometry"][0].content
    assert content["norm"] == pytest.approx(np.linalg.norm(flatten_weights(model)), rel=1e-6)
    assert content["layers"] == pytest.approx({name: np.linalg.norm(model.get_layer(name).kernel)
                                               for name in ("dense1", "dense2")}, rel=1e-6)


def test_directions_have_the_lengths_of_the_filters():
    model = models.build("C1", input_shape=(8, 8, 1), classes=3)
    generator = np.random.default_rng(0)
    objective = Objective(model, generator.random((4, 8, 8, 1), dtype=np.float32), np.zeros(4, int))
    direction = filter_normalized(objective, generator)
    start = 0
    for variable in objective.variables:
        size = int(np.prod(variable.shape))
        part, weights = (each[start:start + size].reshape(variable.shape) for each in (direction, objective.x))
        start += size
        if len(variable.shape) == 1:
            assert not part.any()
        else:
            axes = tuple(range(len(variable.shape) - 1))
            assert np.linalg.norm(part.reshape(-1, part.shape[-1]), axis=0) == pytest.approx(
                np.sqrt(np.sum(weights**2, axis=axes)))
