"""Measurements of finished runs, in their records."""

import pytest

from replication import configuration, data, records, training
from replication.errors import UserError
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


def test_a_subset_is_a_part_of_the_set(workdir):
    with pytest.raises(UserError, match="examples=1438: expected at most 1437"):
        measure_run(workdir.run(RUN), [configuration.Sharpness(examples=1438)], data.load("digits"))
