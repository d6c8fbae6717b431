"""Searches: their record, the test set they leave alone, interruption, failure, and several processes."""

import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from replication import configuration, data, files, records, training, tuning
from replication.errors import BusyError, UserError
from tests.tuning import small

ROOT = pathlib.Path(__file__).parent.parent.parent


def _tune(folder, search=None, space=small.LearningRates):
    return tuning.tune(search or small.search(), records.Workdir.create(folder), space=space)


def _stamps(record):
    """When the results and measurements of a search's runs were written."""
    paths = [*record.folder.glob("runs/*/result.json"), *record.folder.glob("runs/*/sharpness/*.json")]
    return {path: path.stat().st_mtime_ns for path in paths}


def _without_times(trials):
    return [{name: value for name, value in trial.items() if name != "seconds"} for trial in trials]


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    return _tune(tmp_path_factory.mktemp("searched"))


def test_the_record_is_complete(searched):
    content = searched.content
    assert configuration.Search.from_json(content["configuration"]) == small.search()
    assert content["data"]["details"]["part_of"] == data.load("digits").fingerprint
    assert [hp["name"] for hp in content["space"]] == ["learning_rate"]
    assert "keras-tuner" in content["versions"]
    assert [trial["trial"] for trial in content["trials"]] == ["0", "1", "2"]
    assert {trial["status"] for trial in content["trials"]} == {"finished"}
    assert len({trial["hyperparameters"]["learning_rate"] for trial in content["trials"]}) == 3
    best = next(trial for trial in content["trials"] if trial["trial"] == content["best"])
    assert best["val_accuracy"] == max(trial["val_accuracy"] for trial in content["trials"])
    workdir = records.Workdir(searched.folder.parent.parent)
    assert workdir.searches() == ([content], [])
    assert workdir.runs() == ([], [])


def test_figures_are_those_of_the_parts(searched):
    from replication.minimizers import load_minimizer
    from replication.sharpness import Objective, measure

    search = small.search()
    parts = tuning.hold_out(data.load("digits"), search.validation_share)
    trial = searched.content["trials"][0]
    run = records.Workdir(searched.folder).run_named(trial["run"])
    assert run.configuration.learning_rate == trial["hyperparameters"]["learning_rate"]
    network = load_minimizer(run)
    validation = Objective(network, parts.test_inputs, parts.test_labels)
    assert validation.value_and_accuracy(validation.x) == pytest.approx(
        (trial["val_loss"], trial["val_accuracy"]), rel=1e-5)
    trained_on = Objective(network, parts.train_inputs, parts.train_labels)
    assert measure(trained_on, search.measurement).sharpness == pytest.approx(trial["sharpness"], rel=1e-9)


def test_the_best_run_can_be_trained_on_the_whole_training_set(searched):
    run = records.read_configuration(searched.best)
    record = training.train(run, records.Workdir(searched.folder.parent.parent), verbose=0)
    assert record.config["data"]["training_size"] == 1437
    records.Workdir(searched.folder.parent.parent).path.joinpath("runs").rename(
        searched.folder.parent.parent / "elsewhere")


def test_the_test_set_is_not_touched(searched, tmp_path, monkeypatch):
    load = data.load
    monkeypatch.setattr(data, "load", lambda *arguments: dataclasses.replace(
        load(*arguments), test_inputs=None, test_labels=None))
    assert _without_times(_tune(tmp_path).content["trials"]) == _without_times(searched.content["trials"])


def test_a_finished_search_does_nothing_and_goes_on_with_more_trials(searched):
    before = _stamps(searched)
    folder = searched.folder.parent.parent
    _tune(folder)
    assert _stamps(searched) == before
    trials = _tune(folder, small.search(max_trials=4)).content["trials"]
    after = _stamps(searched)
    assert len(trials) == 4 and len(after) == len(before) + 2
    assert before.items() <= after.items()


def test_a_killed_search_repeats_no_finished_trial(tmp_path):
    command = [sys.executable, "-m", "tests.tuning.small", str(tmp_path), "5"]
    record = records.Workdir(tmp_path).search(small.search())
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    while len(list(record.folder.glob("runs/*/sharpness/*.json"))) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = _stamps(record)
    trials = _tune(tmp_path, small.search(max_trials=5)).content["trials"]
    after = _stamps(record)
    assert len(before) >= 4 and before.items() <= after.items()
    assert [trial["status"] for trial in trials] == ["finished"] * 5
    assert len({trial["run"] for trial in trials}) == 5 == len(list(record.folder.glob("runs/*")))
    undisturbed = _tune(tmp_path / "undisturbed", small.search(max_trials=5)).content["trials"]
    assert _without_times(trials) == _without_times(undisturbed)


def test_a_trial_that_had_not_begun_for_the_state_comes_again(tmp_path):
    record = _tune(tmp_path)
    trials, before = record.content["trials"], _stamps(record)
    # As if the process had been lost between the file of a trial and the state that knows it.
    state = files.read_json(record.folder / "oracle.json")
    orphan = record.folder / "trial_3"
    orphan.mkdir()
    lost = files.read_json(record.folder / "trial_2" / "trial.json")
    files.write_json(orphan / "trial.json", {**lost, "trial_id": "3", "status": "RUNNING", "score": None})
    assert "3" not in state["start_order"]
    again = _tune(tmp_path, small.search(max_trials=4)).content["trials"]
    assert _without_times(again[:3]) == _without_times(trials)
    assert again[3]["status"] == "finished" and again[3]["run"] not in {trial["run"] for trial in trials}
    assert before.items() <= _stamps(record).items()


def test_a_bound_on_sharpness_chooses_the_best_within_it(searched, tmp_path):
    free = searched.content["trials"][:3]
    flattest = min(trial["sharpness"] for trial in free)
    search = small.search(max_sharpness=flattest * 1.001)
    content = _tune(tmp_path, search).content
    assert [trial["sharpness"] for trial in content["trials"]] == [trial["sharpness"] for trial in free]
    assert [trial["admissible"] for trial in content["trials"]] == [t["sharpness"] == flattest for t in free]
    best = content["trials"][int(content["best"])]
    assert best["admissible"] and best["score"] == best["val_accuracy"]
    assert all(trial["score"] < 0 for trial in content["trials"] if not trial["admissible"])


class _Diverging(small.LearningRates):
    def run(self, hp):
        run = super().run(hp)
        return dataclasses.replace(run, batch_size=64, optimizer="sgd", learning_rate=hp.Choice("step", [1e-2, 1e30]))


def test_a_diverging_trial_is_failed_and_the_search_goes_on(tmp_path):
    trials = _tune(tmp_path, small.search(max_trials=2), space=_Diverging).content["trials"]
    by_step = {trial["hyperparameters"]["step"]: trial for trial in trials}
    assert by_step[1e-2]["status"] == "finished"
    assert by_step[1e30]["status"] == "failed"
    assert "the training loss became" in by_step[1e30]["reason"]


class _Mistaken(small.LearningRates):
    def fit(self, *arguments, **options):
        raise ZeroDivisionError("a bug")


def test_a_bug_ends_the_search_as_itself(tmp_path):
    with pytest.raises(ZeroDivisionError, match="a bug"):
        _tune(tmp_path, space=_Mistaken)


@pytest.mark.parametrize("tuner", ["bayesian", "hyperband"])
def test_other_tuners(tuner, tmp_path):
    search = small.search(tuner=tuner, objective="sharpness", epochs=3, max_trials=4)
    content = _tune(tmp_path, search).content
    assert [trial["status"] for trial in content["trials"]] == ["finished"] * 4
    assert content["trials"][int(content["best"])]["sharpness"] == min(t["sharpness"] for t in content["trials"])
    epochs = {trial["epochs"] for trial in content["trials"]}
    assert epochs == ({1, 3} if tuner == "hyperband" else {3})


def test_other_data_another_space_and_a_second_process_are_refused(searched, tmp_path):
    folder = searched.folder.parent.parent
    with searched.lock(), pytest.raises(BusyError, match="another process is working on this search"):
        _tune(folder)
    with pytest.raises(UserError, match="space='learning_rates': expected standard, the NAME of SearchSpace"):
        _tune(folder, space=tuning.SearchSpace)
    record = records.Workdir.create(tmp_path).search(small.search())
    files.write_json(record.folder / "search.json", {"data": {"name": "digits"}})
    with pytest.raises(UserError, match="other data"):
        _tune(tmp_path)


@pytest.mark.parametrize("environment, message", [
    ({"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_TUNER_ID": "chief"}, "KERASTUNER_ORACLE_PORT: not set"),
    ({"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": "80"}, "KERASTUNER_TUNER_ID: not set"),
    ({"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": "80", "KERASTUNER_TUNER_ID": "../../chief"},
     "KERASTUNER_TUNER_ID='../../chief'"),
    ({"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": "http", "KERASTUNER_TUNER_ID": "chief"},
     "KERASTUNER_ORACLE_PORT='http'"),
])
def test_a_wrong_environment_is_named(environment, message, tmp_path, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        _tune(tmp_path)


def test_a_chief_and_two_workers_share_the_trials(tmp_path):
    pytest.importorskip("grpc", reason="keras-tuner's chief and workers talk by grpc")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = {}
    try:
        for name in ("chief", "worker0", "worker1"):
            processes[name] = subprocess.Popen(
                [sys.executable, "-m", "tests.tuning.small", str(tmp_path), "8"], cwd=ROOT, stderr=subprocess.PIPE,
                env={**os.environ, "KERASTUNER_TUNER_ID": name, "KERASTUNER_ORACLE_IP": "127.0.0.1",
                     "KERASTUNER_ORACLE_PORT": str(port)})
        for process in processes.values():
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors.decode()
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    record = records.Workdir(tmp_path).search(small.search())
    trials = record.content["trials"]
    assert [trial["status"] for trial in trials] == ["finished"] * 8
    assert len(list(record.folder.glob("runs/*/result.json"))) == len({trial["run"] for trial in trials}) == 8
    for worker in ("worker0", "worker1"):
        assert (record.folder / f"{worker}.json").exists(), f"{worker} ended no trial"


@pytest.mark.parametrize("file", ["oracle.json", "trial_0/trial.json"])
def test_damaged_files_of_keras_tuner_are_one_line(searched, tmp_path, file):
    folder = tmp_path / "work"
    shutil.copytree(searched.folder.parent.parent, folder)
    damaged, = folder.glob(f"tuning/*/{file}")
    damaged.write_bytes(damaged.read_bytes()[:50])
    with pytest.raises(UserError, match="damaged, keras-tuner cannot go on"):
        _tune(folder)
