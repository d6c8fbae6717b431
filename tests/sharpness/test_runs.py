"""Measurements of finished runs, in their records."""

import pytest

from replication import configuration, data, files, memory, records, training
from replication.errors import DoesNotFitError, UserError
from replication.execution.measurement import measure_run
from replication.sharpness import Objective
from replication.store import Store
from replication.weights import load_minimizer
from tests import networks

RUN = configuration.Run(network=networks.TWO_LAYERS, regime="LB", trial=0, dataset="digits", batch_size=360, epochs=1)
PART = configuration.Sharpness(iterations=1, examples=200)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    workdir = records.Workdir.create(tmp_path_factory.mktemp("runs"))
    training.train(RUN, workdir, verbose=0)
    return workdir


def test_a_subset_is_measured_on_request_and_enters_no_table(workdir):
    dataset = data.load("digits")
    record = workdir.run(RUN)
    measure_run(record, [PART], dataset)
    (content,), _ = record.measurements("sharpness")
    inputs, labels = dataset.training_examples(200)
    assert len(labels) == 200 and len({image.tobytes() for image in inputs}) > 190
    model_loss = Objective(load_minimizer(record), inputs, labels)
    assert content["loss"] == pytest.approx(model_loss.value(model_loss.x), rel=1e-6)
    (finished,) = Store(workdir).runs
    assert len(finished.measurements["sharpness"]) == 1 and finished.tabulated == []


def test_a_measurement_that_fails_leaves_the_others_and_the_first_comes_first(workdir, monkeypatch):
    """The first choices are those of the paper's tables; one of a study must not keep them from disk."""
    record, made = workdir.run(RUN), []
    choices = [configuration.Sharpness(iterations=1), configuration.Sharpness(iterations=1, examples=100),
               configuration.Sharpness(iterations=1, epsilon=2e-3), configuration.Sharpness(iterations=2, epsilon=1e38),
               configuration.Sharpness(iterations=1, examples=50, epsilon=1e38)]
    write = files.write_json
    monkeypatch.setattr(files, "write_json", lambda path, content: (made.append(path), write(path, content)))
    with pytest.raises(UserError, match="not finite.*; .*not finite"):
        measure_run(record, choices, data.load("digits"))
    assert made == [record.measurement(choices[number]) for number in (0, 2, 1)]


def test_a_measurement_that_does_not_fit_leaves_the_others(workdir, monkeypatch):
    record, needed = workdir.run(RUN), memory.peak_bytes(load_minimizer(workdir.run(RUN)))
    small, large = (configuration.Sharpness(iterations=1, examples=number, seed=5) for number in (20, 1000))
    monkeypatch.setattr(memory, "available", lambda: 100 * needed)
    with pytest.raises(DoesNotFitError, match="batch_size=1000"):
        measure_run(record, [large, small], data.load("digits"))
    assert record.measurement(small).exists() and not record.measurement(large).exists()


def test_a_subset_is_a_part_of_the_set(workdir):
    with pytest.raises(UserError, match="examples=1438: expected at most 1437"):
        measure_run(workdir.run(RUN), [configuration.Sharpness(examples=1438)], data.load("digits"))
