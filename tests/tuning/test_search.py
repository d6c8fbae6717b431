"""Searches: their record, the test set they leave alone, interruption and failed trials."""

import dataclasses
import random
import shutil
import time

import pytest

from replication import configuration, data, files, memory, records, training, tuning
from replication.errors import BusyError, UserError
from replication.report import make_report
from tests import networks
from tests.scripts import succeed
from tests.tuning import short


def test_the_record_is_complete(searched):
    content = searched.config
    assert configuration.Search.from_json(content["configuration"]) == short.search()
    assert content["data"]["details"]["part_of"] == data.load("digits").fingerprint
    assert [hp["name"] for hp in content["space"]] == ["learning_rate"]
    assert "keras-tuner" in content["versions"]
    assert [trial["trial"] for trial in content["trials"]] == ["0", "1", "2"]
    assert {trial["status"] for trial in content["trials"]} == {"finished"}
    assert len({trial["hyperparameters"]["learning_rate"] for trial in content["trials"]}) == 3
    best = next(trial for trial in content["trials"] if trial["trial"] == content["best"])
    assert best["val_accuracy"] == max(trial["val_accuracy"] for trial in content["trials"])
    workdir = records.Workdir(searched.folder.parent.parent)
    found, problems = workdir.searches()
    assert [record.folder for record in found] == [searched.folder] and problems == []
    assert workdir.runs() == ([], [])


def test_figures_are_those_of_the_parts(searched):
    from replication.sharpness import Objective, compute
    from replication.weights import load_minimizer

    search = short.search()
    parts = tuning.hold_out(data.load("digits"), search.validation_share)
    trial = searched.config["trials"][0]
    run = records.Workdir(searched.folder).run_named(trial["run"])
    assert run.configuration.learning_rate == trial["hyperparameters"]["learning_rate"]
    network = load_minimizer(run)
    validation = Objective(network, parts.test_inputs, parts.test_labels)
    assert validation.value_and_accuracy(validation.x) == pytest.approx(
        (trial["val_loss"], trial["val_accuracy"]), rel=1e-5)
    trained_on = Objective(network, parts.train_inputs, parts.train_labels)
    assert compute(trained_on, search.measurement).sharpness == pytest.approx(trial["sharpness"], rel=1e-9)


def test_the_best_run_can_be_trained_on_the_whole_training_set(searched, tmp_path):
    run = records.read_configuration(searched.best)
    record = training.train(run, records.Workdir.create(tmp_path), verbose=0)
    assert record.config["data"]["training_size"] == 1437


def test_the_test_set_is_not_touched(searched, tmp_path, monkeypatch):
    load = data.load
    monkeypatch.setattr(data, "load", lambda *arguments: dataclasses.replace(
        load(*arguments), test_inputs=None, test_labels=None))
    trials = short.tune(tmp_path, short.search(max_trials=1)).config["trials"]
    assert short.without_times(trials) == short.without_times(searched.config["trials"][:1])


def test_a_finished_search_does_nothing_and_goes_on_with_more_trials(searched, tmp_path):
    record, _ = short.copy(searched, tmp_path)
    before = short.stamps(record)
    short.tune(tmp_path)
    assert short.stamps(record) == before
    trials = short.tune(tmp_path, short.search(max_trials=4)).config["trials"]
    after = short.stamps(record)
    assert len(trials) == 4 and len(after) == len(before) + 2
    assert before.items() <= after.items()


def test_a_search_that_is_killed_again_and_again_is_the_undisturbed_one(searched, tmp_path):
    search = short.search(max_trials=5)
    workdir = records.Workdir.create(tmp_path)
    record, moments, before = workdir.search(search), random.Random(0), {}

    def moved_on():
        return len(short.stamps(record)) > len(before)

    with short.other_processes() as start:
        for _ in range(3):
            process = start(tmp_path, 5)
            short.wait(process, moved_on)
            time.sleep(moments.uniform(0, 0.5))
            process.kill()
            after = short.stamps(record)
            assert before.items() <= after.items()
            before = after
    trials = short.tune(tmp_path, search).config["trials"]
    assert before.items() <= short.stamps(record).items()
    assert [trial["status"] for trial in trials] == ["finished"] * 5
    assert len({trial["run"] for trial in trials}) == 5 == len(list(record.folder.glob("runs/*")))
    short.copy(searched, tmp_path / "undisturbed")
    undisturbed = short.tune(tmp_path / "undisturbed", search).config["trials"]
    assert short.without_times(trials) == short.without_times(undisturbed)
    assert make_report(workdir) == []
    table = workdir.page.read_text(encoding="utf-8").split('id="searches"')[1].split("</table>")[0]
    for trial in undisturbed:
        assert f"learning rate {trial['hyperparameters']['learning_rate']:.3g}" in table
        assert f"{100 * trial['val_accuracy']:.2f}" in table


def test_a_bound_on_sharpness_chooses_the_best_within_it(searched, tmp_path):
    free = searched.config["trials"][:3]
    flattest = min(trial["sharpness"] for trial in free)
    search = short.search(max_sharpness=flattest * 1.001)
    # The same runs, which need not be trained and measured again.
    shutil.copytree(searched.folder / "runs", records.Workdir.create(tmp_path).search(search).folder / "runs")
    content = short.tune(tmp_path, search).config
    assert [trial["sharpness"] for trial in content["trials"]] == [trial["sharpness"] for trial in free]
    assert [trial["admissible"] for trial in content["trials"]] == [t["sharpness"] == flattest for t in free]
    best = content["trials"][int(content["best"])]
    assert best["admissible"] and best["score"] == best["val_accuracy"]
    assert all(trial["score"] < 0 for trial in content["trials"] if not trial["admissible"])


class _Diverging(short.LearningRates):
    def run(self, hp):
        run = super().run(hp)
        return dataclasses.replace(run, batch_size=64, optimizer="sgd", learning_rate=hp.Choice("step", [1e-2, 1e30]))


@pytest.fixture(scope="module")
def diverging(tmp_path_factory):
    """The record of a search of two trials, one of which diverges."""
    return short.tune(tmp_path_factory.mktemp("diverging"), short.search(max_trials=2), space=_Diverging)


def test_a_diverging_trial_is_failed_and_the_search_goes_on(diverging):
    by_step = {trial["hyperparameters"]["step"]: trial for trial in diverging.config["trials"]}
    assert by_step[1e-2]["status"] == "finished"
    assert by_step[1e30]["status"] == "failed"
    assert "the training loss became" in by_step[1e30]["reason"]


def test_a_trial_that_cannot_be_measured_is_failed(tmp_path):
    (trial,) = short.tune(tmp_path, short.search(max_trials=1, sharpness_epsilon=1e38)).config["trials"]
    assert trial["status"] == "failed" and "not finite at a point of the box" in trial["reason"]


def test_a_trial_whose_batches_do_not_fit_is_failed_and_tried_again_when_resumed(tmp_path, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(memory, "available", lambda: 1000)
        trials = short.tune(tmp_path, short.search(max_trials=2)).config["trials"]
    assert [trial["status"] for trial in trials] == ["failed"] * 2
    assert all("do not fit into memory" in trial["reason"] for trial in trials)
    trials = short.tune(tmp_path, short.search(max_trials=2)).config["trials"]
    assert [trial["status"] for trial in trials] == ["finished"] * 2


def test_a_trial_beyond_the_bound_is_not_called_the_best(tmp_path):
    flags = ("--network=" + networks.ONE_LAYER, "--dataset=digits", "--max_trials=1", "--epochs=1",
             "--max_sharpness=1e-9")
    printed = succeed("tune", *flags, f"--workdir={tmp_path}")
    assert "no trial has a sharpness of at most 1e-09; the flattest on the whole training set: python" in printed


def test_why_a_trial_failed_is_found_out_again(diverging, tmp_path):
    search = short.search(max_trials=2)
    record, trials = short.copy(diverging, tmp_path)
    for path in record.folder.glob("trial_*/failure.json"):
        path.unlink()
    again = short.tune(tmp_path, search, space=_Diverging).config["trials"]
    reasons = [trial.pop("reason", "") for trial in trials]
    assert [trial.pop("reason", "") for trial in again] == [
        reason.replace(str(diverging.folder), str(record.folder)) for reason in reasons]
    assert any(reasons) and short.without_times(again) == short.without_times(trials)


def test_a_run_whose_failure_is_removed_is_trained_again(diverging, tmp_path):
    record, trials = short.copy(diverging, tmp_path)
    failure, = record.folder.glob("runs/*/failure.json")
    failure.unlink()
    again = short.tune(tmp_path, short.search(max_trials=2), space=_Diverging).config["trials"]
    assert failure.exists() and [trial["status"] for trial in again] == [trial["status"] for trial in trials]


class _Mistaken(short.LearningRates):
    def fit(self, *arguments, **options):
        raise ZeroDivisionError("a bug")


def test_a_bug_ends_the_search_as_itself(tmp_path):
    with pytest.raises(ZeroDivisionError, match="a bug"):
        short.tune(tmp_path, space=_Mistaken)


@pytest.mark.parametrize("tuner", ["bayesian", "hyperband"])
def test_other_tuners(tuner, tmp_path):
    number = {"bayesian": 2, "hyperband": 4}[tuner]
    search = short.search(tuner=tuner, objective="sharpness", epochs=3, max_trials=number)
    content = short.tune(tmp_path, search).config
    assert [trial["status"] for trial in content["trials"]] == ["finished"] * number
    assert content["trials"][int(content["best"])]["sharpness"] == min(t["sharpness"] for t in content["trials"])
    epochs = {trial["epochs"] for trial in content["trials"]}
    assert epochs == ({1, 3} if tuner == "hyperband" else {3})


def test_hyperband_goes_on_with_more_trials(tmp_path):
    for number in (1, 3):
        # With trials of one epoch a sweep is one trial.
        search = short.search(tuner="hyperband", epochs=1, max_trials=number)
        assert len(short.tune(tmp_path, search).config["trials"]) == number


def test_other_data_another_space_and_a_second_process_are_refused(searched, tmp_path):
    folder = searched.folder.parent.parent
    with searched.lock(), pytest.raises(BusyError, match="another process is working on this search"):
        short.tune(folder)
    with pytest.raises(UserError, match="space='learning_rates': expected standard, the NAME of SearchSpace"):
        short.tune(folder, space=tuning.SearchSpace)
    record = records.Workdir.create(tmp_path).search(short.search())
    content = {"configuration": short.search().to_json(), "data": {"name": "digits"}}
    files.write_json(record.folder / "search.json", content)
    with pytest.raises(UserError, match="other data"):
        short.tune(tmp_path)
    files.write_json(record.folder / "search.json", {**content, "configuration": short.search(seed=1).to_json()})
    with pytest.raises(UserError, match=f"belongs to the search {short.search(seed=1).name}, not to this folder"):
        short.tune(tmp_path)
