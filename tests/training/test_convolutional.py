"""The convolutional networks through a whole run, on a handful of images."""

import dataclasses

import numpy as np
import pytest

import models
from replication import catalog, configuration, data, records, training
from replication.execution.measurement import measure_run

# On the digits C3 and C4 have ten classes too, and are C1 and C2. C2 has a sixteenth of its filters here.
COUNTS = {"C1": 1_757_834, "C2": 81_406}
RUN = configuration.Run(network="C1", regime="SB", trial=0, dataset="digits32", batch_size=16, epochs=1)


@pytest.fixture(scope="module")
def images():
    train_inputs, train_labels, test_inputs, test_labels = data.load("digits32").arrays
    resolved = dataclasses.replace(catalog.DATASETS["digits32"], training_size=32, test_size=16)
    return data.Data.from_arrays("digits32", (train_inputs[:32], train_labels[:32], test_inputs[:16], test_labels[:16]),
                                 resolved=resolved)


@pytest.mark.parametrize("network", COUNTS)
def test_one_epoch_leaves_a_finished_record(tmp_path, images, network, monkeypatch):
    monkeypatch.setattr(models.networks, "_DEEP_STACKS", tuple(
        tuple(filters // 16 for filters in stack) for stack in models.networks._DEEP_STACKS))
    run = dataclasses.replace(RUN, network=network)
    record = training.train(run, records.Workdir.create(tmp_path), dataset=images, verbose=0)
    assert record.is_finished and record.configuration.architecture == "released"
    result = record.result
    assert result["epochs"] == 1 and result["parameters"] == COUNTS[network]
    # The first step of ADAM moves every weight that has a gradient by the learning rate.
    assert result["distance_from_start"] > 0.75 * run.learning_rate * np.sqrt(COUNTS[network])
    for statistics in configuration.STATISTICS:
        assert np.isfinite(result[statistics]["train_loss"]) and 0 <= result[statistics]["test_accuracy"] <= 1
    if network == "C2":
        choice = configuration.Sharpness(subspace_dim=2, starts=1, iterations=1, examples=20, batch_size=20)
        measure_run(record, [choice], images)
        (measurement,), _ = record.measurements("sharpness")
        assert measurement["sharpness"] > 0 and measurement["max_loss"] > measurement["loss"]
