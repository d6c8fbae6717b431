"""Searches by a chief and its workers."""

import socket

import pytest

from replication import data, files, records, tuning
from replication.errors import UserError
from replication.tuning.search import Tuner
from tests.tuning import short


def _state(record, search):
    """The oracle of a search, in the state that a process finds at its start."""
    parts = tuning.hold_out(data.load("digits"), search.validation_share)
    return Tuner(search, record, parts, space=short.LearningRates).oracle


@pytest.fixture
def chief(monkeypatch):
    """A function that makes this process the chief of a distributed search."""
    def become():
        for name, value in {"TUNER_ID": "chief", "ORACLE_IP": "127.0.0.1", "ORACLE_PORT": "8000"}.items():
            monkeypatch.setenv(f"KERASTUNER_{name}", value)
    return become


def test_a_chief_goes_on_where_one_process_was_alone(searched, tmp_path, chief):
    record, trials = short.copy(searched, tmp_path)
    chief()
    found = _state(record, short.search(max_trials=9)).trials.values()
    assert [trial.score for trial in found] == [trial["score"] for trial in trials]


def test_one_process_alone_goes_on_where_there_was_a_chief(tmp_path, chief, monkeypatch):
    search = short.search(max_trials=2)
    record = records.Workdir.create(tmp_path).search(search)
    chief()
    oracle = _state(record, search)
    for worker in ("worker0", "worker1"):
        trial = oracle.create_trial(worker)
    trial.status = "FAILED"
    files.write_json(record.failure(trial.trial_id), {"reason": "by the chief's account"})
    oracle.end_trial(trial)
    monkeypatch.undo()
    begun, failed = short.tune(tmp_path, search).config["trials"]
    assert (begun["status"], failed["status"]) == ("finished", "failed")
    assert failed["reason"] == "by the chief's account"


def test_a_second_chief_does_not_share_the_port_of_the_first(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as first:
        port = str(first.getsockname()[1])
        for name, value in {"TUNER_ID": "chief", "ORACLE_IP": "127.0.0.1", "ORACLE_PORT": port}.items():
            monkeypatch.setenv(f"KERASTUNER_{name}", value)
        with pytest.raises(UserError, match=f"KERASTUNER_ORACLE_PORT='{port}': the chief cannot listen there"):
            short.tune(tmp_path, short.search(max_trials=1))


@pytest.mark.parametrize("environment, message", [
    ({"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_TUNER_ID": "chief"}, "KERASTUNER_ORACLE_PORT: not set"),
    ({"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": "80"}, "KERASTUNER_TUNER_ID: not set"),
    ({"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": "80", "KERASTUNER_TUNER_ID": "../../chief"},
     "KERASTUNER_TUNER_ID='../../chief'"),
    ({"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": "http", "KERASTUNER_TUNER_ID": "chief"},
     "KERASTUNER_ORACLE_PORT='http'"),
    ({"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": "99999", "KERASTUNER_TUNER_ID": "chief"},
     "KERASTUNER_ORACLE_PORT='99999'"),
    ({"KERASTUNER_ORACLE_IP": "192.0.2.1", "KERASTUNER_ORACLE_PORT": "8000", "KERASTUNER_TUNER_ID": "chief"},
     "KERASTUNER_ORACLE_IP='192.0.2.1', KERASTUNER_ORACLE_PORT='8000': the chief cannot listen there"),
])
def test_a_wrong_environment_is_named(environment, message, tmp_path, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        short.tune(tmp_path)


@pytest.fixture
def chief_address():
    """Where a chief can be reached, as environment."""
    pytest.importorskip("grpc", reason="keras-tuner's chief and workers talk by grpc")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(free.getsockname()[1])}


def test_a_chief_and_two_workers_share_the_trials(tmp_path, chief_address):
    with short.other_processes() as start:
        chief, *workers = [start(tmp_path, 6, KERASTUNER_TUNER_ID=name, **chief_address)
                           for name in ("chief", "worker0", "worker1")]
        outputs = [process.communicate(timeout=120) for process in (chief, *workers)]
        assert [process.poll() for process in (chief, *workers)] == [0, 0, 0], outputs
    shares = [output.count("trained and measured") for output, _ in outputs]
    assert shares[0] == 0 and min(shares[1:]) > 0 and sum(shares) == 6
    record = records.Workdir(tmp_path).search(short.search())
    trials = record.config["trials"]
    assert [trial["status"] for trial in trials] == ["finished"] * 6
    assert len(list(record.folder.glob("runs/*/result.json"))) == len({trial["run"] for trial in trials}) == 6


def test_a_killed_worker_comes_back_under_its_name(tmp_path, chief_address):
    record = records.Workdir(tmp_path).search(short.search())
    with short.other_processes() as start:
        chief, killed = [start(tmp_path, 3, KERASTUNER_TUNER_ID=name, **chief_address)
                         for name in ("chief", "worker0")]
        short.wait(killed, lambda: any(record.folder.glob("runs/*")))
        killed.kill()
        worker = start(tmp_path, 3, KERASTUNER_TUNER_ID="worker0", **chief_address)
        for process in (chief, worker):
            _, errors = process.communicate(timeout=120)
            assert process.poll() == 0, errors
    assert [trial["status"] for trial in record.config["trials"]] == ["finished"] * 3
    assert len(list(record.folder.glob("runs/*"))) == 3
