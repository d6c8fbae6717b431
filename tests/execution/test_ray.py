"""Tasks on a Ray cluster of two nodes on this machine, one of which is killed."""

import dataclasses
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest

from replication import execution, records
from replication.configuration import Measure, Train
from replication.configuration.executors import Ray
from replication.errors import UserError
from replication.execution import tasks
from tests.execution import runs

ROOT = pathlib.Path(__file__).parent.parent.parent
LONG = dataclasses.replace(runs.SMALL, epochs=12)


@dataclasses.dataclass(frozen=True)
class LoggedTrain(Train):
    """A task that leaves a line in a file when it begins and when it ends."""

    log: pathlib.Path = None


@dataclasses.dataclass(frozen=True)
class LoggedMeasure(Measure):
    """A task that leaves a line in a file when it begins and when it ends."""

    log: pathlib.Path = None


def _logged(task, log):
    kind = LoggedTrain if isinstance(task, Train) else LoggedMeasure
    return kind(*(getattr(task, field.name) for field in dataclasses.fields(task)), log=log)


def _logging(execute):
    def logged(task, *arguments, **options):
        if not hasattr(task, "log"):
            return execute(task, *arguments, **options)
        import ray

        _write(task, "begin", ray.get_runtime_context().get_node_id())
        execute(task, *arguments, **options)
        return _write(task, "end", "")

    return logged


def _write(task, what, node):
    with open(task.log, "a", encoding="utf-8") as file:
        file.write(f"{what}|{task.title}|{node}\n")


# Ray's processes import this module with the tasks.
tasks.execute = _logging(tasks.execute)


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of two nodes with one processor each; this process is on the first."""
    pytest.importorskip("ray", reason="Ray is not installed (requirements-ray.txt)")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # For this module, which Ray's processes import.
        patch.setenv("PYTHONPATH", str(ROOT))
        node = {"num_cpus": 1, "object_store_memory": 80_000_000}
        with pytest.MonkeyPatch.context() as elsewhere:
            # Nodes that have been started without this package know nothing of it.
            elsewhere.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
            started = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
            started.add_node(**node)
        yield started
        started.shutdown()


def _lines(log):
    return [line.split("|") for line in log.read_text().splitlines()] if log.exists() else []


def _kill_once_it_works(cluster, node, workdir, log, killed):
    """Kills a node in the middle of the training of LONG, whichever node that is on, or of what it does then."""
    while not any(line[0] == "begin" and line[2] == node.node_id for line in _lines(log)):
        time.sleep(0.05)
    while not workdir.run(LONG).state.exists():
        time.sleep(0.05)
    killed.append([line[1] for line in _lines(log) if line[0] == "begin" and line[2] == node.node_id
                   and not any(other[:2] == ["end", line[1]] for other in _lines(log))])
    cluster.remove_node(node)


@pytest.mark.slow
def test_a_lost_node_loses_nothing_and_repeats_nothing(cluster, tmp_path):
    node, = cluster.worker_nodes
    workdir, alone, log = records.Workdir.create(tmp_path / "ray"), records.Workdir.create(tmp_path / "alone"), \
        tmp_path / "log"
    found = runs.merge([Train(LONG), Train(dataclasses.replace(LONG, trial=1)), Train(runs.LARGE),
                        Measure((LONG,), (runs.SHARPNESS,)), Measure((runs.LARGE,), (runs.SHARPNESS,)),
                        Measure((LONG, runs.LARGE), (runs.PATH,))])
    listed = [_logged(task, log) for task in found]
    killed = []
    killer = threading.Thread(target=_kill_once_it_works, args=(cluster, node, workdir, log, killed))
    killer.start()
    assert execution.execute(listed, workdir, executor=Ray(cluster.address)) == []
    killer.join()
    (lost,) = killed
    ends = [title for what, title, _ in _lines(log) if what == "end"]
    begins = [title for what, title, _ in _lines(log) if what == "begin"]
    assert sorted(ends) == sorted(task.title for task in listed)
    assert len(lost) == 1
    assert sorted(begins) == sorted([*ends, *lost])
    runs.replicate(alone, found, threads=1)
    assert runs.contents(workdir) == runs.contents(alone)


@pytest.mark.slow
def test_failures_are_one_line_each_and_errors_of_ours_are_not(cluster, tmp_path):
    diverging = dataclasses.replace(runs.SMALL, optimizer="sgd", learning_rate=1e30)
    workdir = records.Workdir.create(tmp_path)
    found = runs.merge([Train(diverging), Train(runs.LARGE), Measure((diverging,), (runs.SHARPNESS,))])
    first, second = execution.execute(found, workdir, executor=Ray(cluster.address))
    assert "became" in first and "\n" not in first and second.endswith("no minimizer to measure")
    assert workdir.run(runs.LARGE).is_finished


def test_without_ray_the_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="not installed.*requirements-ray.txt"):
        execution.check([], executor=Ray())


@pytest.mark.parametrize("listening", [False, True])
def test_an_address_that_answers_nothing(listening, monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed (requirements-ray.txt)")
    monkeypatch.setattr("replication.execution.ray._SECONDS_TO_ANSWER", 2)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listening:
            server.listen()
        with pytest.raises(UserError, match="--ray_address=127.0.0.1:.*no Ray cluster answers"):
            execution.check([], executor=Ray(f"127.0.0.1:{server.getsockname()[1]}"))


@pytest.mark.parametrize("error, words", [
    (subprocess.CalledProcessError(1, "ray", stderr="Traceback\nRuntimeError: Ray version mismatch: cluster has 2.50"),
     "Ray version mismatch: cluster has 2.50"),
    (subprocess.CalledProcessError(1, "ray", stderr="refused"), "the server that answers is not Ray"),
    (subprocess.TimeoutExpired("ray", 1), "no answer within")])
def test_the_reason_why_a_cluster_does_not_answer(error, words, monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed (requirements-ray.txt)")
    monkeypatch.delenv("RAY_task_oom_retries", raising=False)

    def run(*arguments, **options):
        raise error

    monkeypatch.setattr(subprocess, "run", run)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(UserError, match=words):
        execution.check([], executor=Ray(f"127.0.0.1:{server.getsockname()[1]}"))
    # A task that is killed for lack of memory is tried again as often as one that is lost.
    assert [value for name, value in os.environ.items() if name.lower() == "ray_task_oom_retries"] == ["2"]


@pytest.mark.parametrize("choices, words", [
    ({"address": "head"}, "ray_address='head'"), ({"cpus": 0}, "ray_cpus=0"), ({"gpus": -1.0}, "ray_gpus=-1.0"),
    ({"gpus": 1.5}, "ray_gpus=1.5: expected a whole number"), ({"memory": 0.0}, "ray_memory=0.0")])
def test_choices_out_of_range(choices, words):
    with pytest.raises(UserError, match=words):
        Ray(**choices)
