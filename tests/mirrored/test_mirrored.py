"""Several devices in one run: two parts of this processor agree with one device, and what cannot work is refused."""

import csv
import json
import re

import keras
import numpy as np
import pytest

from replication import configuration, records
from tests import forked, networks
from tests.mirrored import children
from tests.scripts import succeed

RUN = {"network": networks.ONE_LAYER, "regime": "grid", "trial": 0, "dataset": "digits", "batch_size": 719,
       "epochs": 2, "optimizer": "sgd"}


@pytest.fixture(scope="module")
def agreement():
    """What two devices compute beside one."""
    return forked.call(children.agreement)


def test_f_is_that_of_one_device(agreement):
    found = agreement["objective"]
    assert found["loss"] < 1e-13
    assert found["gradient"] < 1e-13
    assert found["accuracy"] == 0
    assert not any(found["synchronized"]), "the model's own choice is left as it was"


def test_f_of_values_far_from_zero():
    # The mean itself is rounded to that many deviations.
    rounding = np.spacing(np.float32(1000))
    for loss, gradient in forked.call(children.far_from_zero).values():
        assert loss < rounding and gradient < 10 * rounding


def test_a_model_from_a_file(tmp_path):
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.BatchNormalization(),
                      keras.layers.Dense(10, activation="softmax")]).save(tmp_path / "mine.keras")
    asked = (f"--model={tmp_path / 'mine.keras'}", "--dataset=digits", "--epsilon=1e-3", "--subspace_dim=0")
    one, two = (re.split(r"\s{2,}", succeed("measure_sharpness", *asked, *more).splitlines()[-1])
                for more in ((), ("--strategy=mirrored", "--devices=2")))
    assert one[:3] == two[:3] and float(two[3]) == pytest.approx(float(one[3]), rel=1e-3)


def test_f_by_moving_averages(agreement):
    assert agreement["moving"]["loss"] < 1e-13


def test_synchronized_training_is_that_of_one_device(agreement):
    found = agreement["synchronized"]
    assert found["weights"] < 1e-13
    assert found["averages"] < 1e-13
    for one, two in (found["history"], found["evaluation"]):
        assert two == pytest.approx(one, rel=1e-6)


def test_training_by_the_statistics_of_each_part(agreement):
    assert agreement["apart"]["weights"] > 1e-3, "the parts of a batch are normalized otherwise than the whole"
    by_hand = agreement["halves"]
    assert by_hand["loss"] < 1e-6
    assert by_hand["weights"] < 1e-13


def test_other_losses_are_trained_and_measured_or_refused():
    found = forked.call(children.other_losses)
    assert abs(found.pop("relative")) < 1e-5
    assert len(found) == 3 and all("which only one device can compute" in message for message in found.values())


def test_a_process_has_one_number_of_devices():
    assert "devices=3" in forked.call(children.another_number)["error"]
    assert "started" in forked.call(children.started)["error"]


def test_scripts_train_and_measure_on_two_devices(tmp_path):
    flags = [f"--{name}={value}" for name, value in RUN.items()]
    succeed("train", *flags, "--jit_compile=off", f"--workdir={tmp_path}")
    succeed("train", *flags, "--strategy=mirrored", "--devices=2", f"--workdir={tmp_path}")
    runs, problems = records.Workdir.open(tmp_path).runs()
    assert not problems
    one, two = sorted(runs, key=lambda record: record.configuration.distribution is not None)
    assert two.configuration.distribution == configuration.Distribution(2)
    assert losses(two) == pytest.approx(losses(one), rel=1e-5)
    measured = ["--epsilon=1e-3", "--subspace_dim=0", "--iterations=1", f"--workdir={tmp_path}"]
    succeed("measure_sharpness", *measured, "--strategy=mirrored", "--devices=2")
    (ours,), _ = two.measurements("sharpness")
    assert ours["loss"] == pytest.approx(two.result["batch"]["train_loss"], rel=1e-6)
    assert ours["max_loss"] > ours["loss"]


def test_a_run_without_synchronization_ends_with_a_record(tmp_path):
    flags = [f"--{name}={value}" for name, value in RUN.items()]
    succeed("train", *flags, "--strategy=mirrored", "--devices=2", "--nosynchronized", f"--workdir={tmp_path}")
    (record,), problems = records.Workdir.open(tmp_path).runs()
    assert not problems and not record.configuration.distribution.synchronized
    assert set(record.result) >= {"batch", "moving"}


def test_an_interrupted_run_goes_on(tmp_path):
    found = forked.call(children.resumed, str(tmp_path))
    assert found["epochs"] == 2
    assert found["weights"] == 0


def losses(record):
    with open(record.folder / "history.csv", newline="", encoding="utf-8") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("choices, words", [
    ({"jit_compile": True}, "jit_compile=True.*mirrored"), ({"precision": "mixed_float16"}, "mixed_float16.*mirrored"),
    ({"batch_size": 1}, "batch_size=1.*2")])
def test_refused(choices, words):
    with pytest.raises(ValueError, match=words):
        configuration.Run(**{**RUN, **choices}, distribution=configuration.Distribution(2))


def test_a_distribution_goes_through_json_and_into_the_name():
    plain = configuration.Run(**RUN)
    apart = configuration.Run(**RUN, distribution=configuration.Distribution(2, synchronized=False))
    assert configuration.Run.from_json(json.loads(json.dumps(apart.to_json()))) == apart
    assert len({plain.name, apart.name, configuration.Run(**RUN, distribution=configuration.Distribution(2)).name}) == 3
