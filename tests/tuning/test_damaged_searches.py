"""Searches whose files are lost or damaged: what is lost is made again, and what is damaged is named."""

import itertools
import random
import shutil

import pytest

from replication import files, records
from replication.errors import UserError
from replication.records.damage import set_aside
from tests.tuning import short


def test_a_trial_that_had_not_begun_for_the_state_comes_again(searched, tmp_path):
    record, trials = short.copy(searched, tmp_path)
    before = short.stamps(record)
    # As if the process had been lost between the file of a trial and the state that knows it.
    state = files.read_json(record.folder / "oracle.json")
    orphan = record.folder / "trial_3"
    orphan.mkdir()
    lost = files.read_json(record.folder / "trial_2" / "trial.json")
    files.write_json(orphan / "trial.json", {**lost, "trial_id": "3", "status": "RUNNING", "score": None})
    assert "3" not in state["start_order"]
    again = short.tune(tmp_path, short.search(max_trials=4)).config["trials"]
    assert short.without_times(again[:3]) == short.without_times(trials)
    assert again[3]["status"] == "finished" and again[3]["run"] not in {trial["run"] for trial in trials}
    assert before.items() <= short.stamps(record).items()


def test_a_damaged_file_ends_the_search_and_no_trial(tmp_path):
    search = short.search(max_trials=1)
    record = short.tune(tmp_path, search)
    trials = record.config["trials"]
    run = records.Workdir(record.folder).run_named(trials[0]["run"])
    # As if the process had been lost in the middle of the run.
    (run.folder / "result.json").unlink()
    run.state.parent.mkdir()
    run.state.write_bytes(b"damaged")
    for _ in range(2):
        with pytest.raises(UserError, match="state.npz: damaged, the run cannot be resumed from it; remove the file"):
            short.tune(tmp_path, search)
        assert [trial["status"] for trial in record.config["trials"]] == ["running"]
    run.state.unlink()
    assert short.without_times(short.tune(tmp_path, search).config["trials"]) == short.without_times(trials)


@pytest.mark.parametrize("lost", ["", "result.json", "sharpness"])
def test_what_a_finished_trial_lacks_is_made_again(lost, searched, tmp_path):
    record, trials = short.copy(searched, tmp_path)
    search = short.search(max_trials=len(trials))
    path = record.folder / "runs" / trials[1]["run"] / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = short.stamps(record)
    assert short.without_times(short.tune(tmp_path, search).config["trials"]) == short.without_times(trials)
    assert len(before) < len(short.stamps(record)) == 2 * len(trials) and before.items() <= short.stamps(record).items()
    score = files.read_json(record.folder / "trial_1" / "trial.json")["score"]
    assert score == trials[1]["score"]


def test_damaged_records_of_finished_trials_are_named(searched, tmp_path):
    record, trials = short.copy(searched, tmp_path)
    run = records.Workdir(record.folder).run_named(trials[0]["run"])
    (measurement,) = run.folder.glob("sharpness/*.json")
    files.write_json(measurement, {**files.read_json(measurement), "weights_checksum": "other"})
    with pytest.raises(UserError, match=f"{measurement.name}: was measured on other weights"):
        short.tune(tmp_path)
    weights = bytearray(run.final_weights.read_bytes())
    weights[-1] ^= 1
    run.final_weights.write_bytes(weights)
    with pytest.raises(UserError, match="final.weights.h5: damaged .*; remove the folder .* to run it again"):
        short.tune(tmp_path)
    assert set_aside(records.Workdir(tmp_path)) == [run.folder.relative_to(tmp_path)]
    assert short.without_times(short.tune(tmp_path).config["trials"]) == short.without_times(trials)


def _flip(number):
    """Flips one bit, before the checksum, which the number decides."""
    def change(content):
        numbers = random.Random(number)
        content[numbers.randrange(content.rindex(b'"sha256"'))] ^= 1 << numbers.randrange(8)
    return change


def _replace(old, new):
    def change(content):
        assert old in content
        content[:] = content.replace(old, new, 1)
    return change


def _truncate(content):
    del content[len(content) // 2:]


@pytest.mark.parametrize("file, damage", [
    *itertools.product(("oracle.json", "trial_0/trial.json"), (_truncate, *map(_flip, range(8)))),
    ("oracle.json", _replace(b"start_order", b"start_ordes")),
    ("oracle.json", _replace(b"ongoing", b"\xffngoing")),
    ("trial_0/trial.json", _replace(b"COMPLETED", b"COMPLETEE")),
    ("trial_0/trial.json", _replace(b'"score": 0', b'"score": 1')),
    ("trial_0/trial.json", _replace(b"trial_id", b"tsial_id")),
    ("trial_0/trial.json", lambda content: content.clear()),
])
def test_damaged_files_of_keras_tuner_are_named(searched, tmp_path, file, damage):
    record, trials = short.copy(searched, tmp_path)
    state, damaged = record.folder / "oracle.json", record.folder / file
    content = bytearray(damaged.read_bytes())
    damage(content)
    damaged.write_bytes(content)
    with pytest.raises(UserError) as raised:
        short.tune(tmp_path)
    message = str(raised.value)
    assert message.startswith(f"{damaged}: ") and "\n" not in message
    assert f"remove {state} to start the search again" in message


def test_without_its_state_a_search_finds_its_runs(searched, tmp_path):
    record, trials = short.copy(searched, tmp_path)
    (record.folder / "oracle.json").unlink()
    (record.folder / "trial_0" / "trial.json").write_bytes(b"damaged")
    before, search = short.stamps(record), short.search(max_trials=len(trials))
    assert short.without_times(short.tune(tmp_path, search).config["trials"]) == short.without_times(trials)
    assert short.stamps(record) == before
