"""Kept iterates, their replays and their measurements."""

import dataclasses
import shutil
import time

import keras
import numpy as np
import pytest

from replication import data, files, records, training
from replication.configuration import Sharpness, Start
from replication.errors import TrainingFailedError, UserError
from replication.execution.measurement import measure_iterates, measure_run
from replication.sharpness import Objective
from replication.store import Store
from replication.training.iterates import ReplayIterates
from replication.weights import build_network, flatten_weights, load_weights
from tests import forked
from tests.training import short


def _contents(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*")
            if path.is_file() and path.name != ".lock"}


def test_scheduled_epochs_are_kept_whole(kept):
    assert list(short.checksums(kept)) == [1, 2, 3, 4, 5]
    for iterate in kept.iterates():
        iterate.check()
        assert "replayed" not in iterate.content
    assert len(set(short.checksums(kept).values())) == 5


def test_the_last_iterate_is_the_minimizer(kept):
    assert kept.iterate(5).checksum == kept.minimizer.checksum


def test_iterates_are_those_that_the_history_tells_of(kept):
    """The test loss after each epoch is that of its iterate."""
    dataset = data.load("digits")
    network = build_network(short.RUN)
    objective = Objective(network, dataset.test_inputs, dataset.test_labels)
    for row in kept.history:
        load_weights(network, kept.iterate(row["epoch"]))
        assert objective.value_and_accuracy(flatten_weights(network)) == pytest.approx(
            (row["val_loss"], row["val_accuracy"]), rel=1e-5)


def test_keeping_does_not_change_the_run(kept, bare):
    assert kept.minimizer.checksum == bare.minimizer.checksum


def test_schedules_are_united_and_powers_of_two_have_the_last(tmp_path):
    record = short.train(dataclasses.replace(short.RUN, epochs=7), tmp_path, keep=[0, 3])
    assert list(short.checksums(record)) == [1, 2, 3, 4, 6, 7]
    assert record.iterate(7).checksum == record.minimizer.checksum
    assert all("replayed" not in iterate.content for iterate in record.iterates())


def test_finished_run_is_replayed_for_missing_iterates_alone(bare, kept, tmp_path):
    shutil.copytree(bare.folder.parent.parent, tmp_path / "work")
    workdir = records.Workdir(tmp_path / "work")
    record = workdir.run(short.RUN)
    before = _contents(record.folder)
    training.train(short.RUN, workdir, verbose=0, keep=[2])
    assert short.checksums(record) == {epoch: kept.iterate(epoch).checksum for epoch in (2, 4)}
    assert {iterate.content["replayed"] for iterate in record.iterates()} == {"identical"}
    first = _contents(record.folder / "iterates")
    training.train(short.RUN, workdir, verbose=0, keep=[2, 0])
    assert short.checksums(record) == {epoch: kept.iterate(epoch).checksum for epoch in (1, 2, 4, 5)}
    assert {path: _contents(record.folder)[path] for path in before | first} == before | first
    assert not list(record.folder.rglob(".partial-*")) and not record.state.exists()


def test_finished_run_with_its_iterates_is_not_trained_again(kept, monkeypatch):
    monkeypatch.setattr(keras.Model, "fit", lambda *args, **kwargs: pytest.fail("trained"))
    before = _contents(kept.folder)
    training.train(short.RUN, records.Workdir(kept.folder.parent.parent), verbose=0, keep=[2, 0])
    assert _contents(kept.folder) == before


def test_a_replay_that_differs_says_from_where(kept, caplog):
    history = kept.history
    history[2]["loss"] = np.nextafter(history[2]["loss"], 1)
    kept.write_history(history)
    callback = ReplayIterates(kept, build_network(short.RUN), [2, 4])
    for epoch in range(4):
        callback.on_epoch_end(epoch, {"loss": kept.history[epoch]["loss"] if epoch != 2 else 0.5})
    assert kept.iterate(2).content["replayed"] == "identical"
    assert kept.iterate(4).content["replayed"] == "differs from epoch 3"
    assert "not the same from epoch 3" in caplog.text


def test_a_replay_on_other_data_is_refused(bare, tmp_path):
    shutil.copytree(bare.folder.parent.parent, tmp_path / "work")
    record = records.Workdir(tmp_path / "work").run(short.RUN)
    config = record.config
    config["data"]["fingerprint"] = "of other data"
    files.write_json(record.folder / "config.json", config)
    with pytest.raises(UserError, match="other data"):
        short.train(short.RUN, tmp_path / "work", keep=[2])
    assert record.iterates() == []


def test_a_replay_that_fails_leaves_no_failure_record(bare, tmp_path, monkeypatch):
    shutil.copytree(bare.folder.parent.parent, tmp_path / "work")
    record = records.Workdir(tmp_path / "work").run(short.RUN)
    before = _contents(record.folder)
    monkeypatch.setattr("replication.training.model.TrainingModel.plain_step", lambda self, inputs, labels: {
        **keras.Model.train_step(self, (inputs, labels)), "loss": float("nan")})
    with pytest.raises(TrainingFailedError, match="became nan"):
        short.train(short.RUN, tmp_path / "work", keep=[2])
    assert _contents(record.folder) == before


def _keep(folder):
    short.train(short.RUN, folder, keep=[1])


def test_killed_run_keeps_its_iterates_and_goes_on(kept, tmp_path):
    record = records.Workdir.create(tmp_path / "killed").run(short.RUN)
    process = forked.Child(_keep, tmp_path / "killed")
    while not record.state.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert not record.is_finished
    early = short.checksums(record)
    assert early and all(kept.iterate(epoch).checksum == checksum for epoch, checksum in early.items())
    short.train(short.RUN, tmp_path / "killed", keep=[1])
    assert short.checksums(record) == short.checksums(kept)
    assert all("replayed" not in iterate.content for iterate in record.iterates())


def test_a_run_that_begins_again_drops_the_iterates_of_its_first_attempt(kept):
    kept.folder.joinpath("result.json").unlink()
    short.train(short.RUN, kept.folder.parent.parent, keep=[4])
    assert kept.is_finished and list(short.checksums(kept)) == [4]


@pytest.mark.parametrize("schedule", [-1, 0.5])
def test_a_wrong_schedule_is_named_before_anything_is_written(schedule, tmp_path):
    with pytest.raises(UserError, match=f"keep={schedule}"):
        short.train(short.RUN, tmp_path, keep=[schedule])
    assert not list(tmp_path.iterdir())


def test_a_damaged_iterate_is_named_where_it_is_used(kept):
    workdir = records.Workdir(kept.folder.parent.parent)
    weights = kept.iterate(3).weights
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match=f"{weights}: damaged"):
        training.train(dataclasses.replace(short.LARGE, start=Start(short.RUN.name, 3)), workdir, verbose=0)
    with pytest.raises(UserError, match=f"{weights}: damaged"):
        measure_iterates(kept, 3, [Sharpness(subspace_dim=1, starts=1, iterations=1)], dataset=data.load("digits"))
    shutil.rmtree(kept.iterate(3).folder)
    training.train(short.RUN, workdir, verbose=0, keep=[3])
    kept.iterate(3).check()


def test_iterates_are_measured_once_and_the_last_as_the_minimizer(kept):
    dataset = data.load("digits")
    choice = Sharpness(subspace_dim=1, starts=1, iterations=1, examples=200)
    measure_iterates(kept, 3, [choice], dataset=dataset)
    assert [len(iterate.measurements("sharpness")[0]) for iterate in kept.iterates()] == [0, 0, 1, 0, 0]
    assert kept.measurements("sharpness") == ([], [])
    before = _contents(kept.iterate(3).folder)
    measure_iterates(kept, 5, [choice], dataset=dataset)
    measure_iterates(kept, 3, [choice], dataset=None)
    measure_run(kept, [choice], None)
    assert [len(iterate.measurements("sharpness")[0]) for iterate in kept.iterates()] == [0, 0, 1, 0, 1]
    assert _contents(kept.iterate(3).folder) == before
    last, minimizer = (files.read_json(point.measurement(choice)) for point in (kept.iterate(5), kept.minimizer))
    assert last["weights_checksum"] == minimizer["weights_checksum"] == kept.minimizer.checksum
    assert (last["loss"], last["sharpness"]) == (minimizer["loss"], minimizer["sharpness"])


def test_x_0_is_measured_with_the_iterates(kept):
    dataset = data.load("digits")
    choice = Sharpness(subspace_dim=1, starts=1, iterations=1)
    measure_iterates(kept, 5, [choice], dataset=dataset)
    start = kept.iterate(0)
    assert start.measurement(choice).parent == kept.folder / "iterates" / "0000" / "sharpness"
    content = files.read_json(start.measurement(choice))
    assert content["weights_checksum"] == files.file_checksum(kept.initial_weights)
    objective = Objective(build_network(short.RUN), dataset.train_inputs, dataset.train_labels)
    assert content["loss"] == pytest.approx(objective.value(objective.x), rel=1e-6)
    assert [iterate.epoch for iterate in kept.iterates()] == [1, 2, 3, 4, 5]
    (minimizer,) = Store(records.Workdir(kept.folder.parent.parent)).runs
    assert [iterate.epoch for iterate in minimizer.iterates] == [0, 5]


def test_a_damaged_x_0_is_not_measured(kept):
    kept.initial_weights.write_bytes(kept.final_weights.read_bytes())
    with pytest.raises(UserError, match=f"{kept.initial_weights}: damaged"):
        measure_iterates(kept, 5, [Sharpness()], dataset=data.load("digits"))
    assert not kept.iterate(0).folder.exists()


def test_iterates_share_an_objective_and_not_their_weights(kept):
    """f is the training loss of each iterate, whichever was measured before."""
    dataset = data.load("digits")
    choice = Sharpness(subspace_dim=1, starts=1, iterations=1)
    measure_iterates(kept, 2, [choice], dataset=dataset)
    network = build_network(short.RUN)
    for epoch in (2, 4):
        load_weights(network, kept.iterate(epoch))
        objective = Objective(network, dataset.train_inputs, dataset.train_labels)
        content = files.read_json(kept.iterate(epoch).measurement(choice))
        assert content["loss"] == pytest.approx(objective.value(objective.x), rel=1e-6)
        assert content["sharpness"] > 0


def test_iterates_that_were_not_kept_cannot_be_measured(bare):
    with pytest.raises(UserError, match="--keep_iterates=2"):
        measure_iterates(bare, 2, [Sharpness()], dataset=data.load("digits"))
