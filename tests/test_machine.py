"""Messages: TensorFlow's routine ones are silenced, all others are plain lines."""

import logging
import os
import platform
import subprocess
import sys

import pytest
import tensorflow as tf

import replication
from replication import files, machine
from replication.machine import prepare_tensorflow
from tests import forked
from tests.scripts import ROOT, fresh_script


def test_traces_of_many_models_are_silenced_and_other_warnings_stay(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    logger, messages = logging.getLogger("tensorflow"), []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    before = logger.level, list(logger.filters)
    # Another test of this process may have called it already.
    logger.filters.clear()
    logger.setLevel(logging.WARNING)
    logger.addHandler(handler)
    try:
        trace_repeatedly()
        assert any("retracing" in message for message in messages)
        messages.clear()
        prepare_tensorflow()
        trace_repeatedly()
        logger.warning("out of %s", "memory")
        assert messages == ["out of memory"]
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.filters[:] = before[1]


def trace_repeatedly():
    def double(x):
        return 2 * x

    for _ in range(10):
        tf.function(double)(tf.constant(1.0))


@pytest.mark.parametrize("arguments", [
    ("prepare_data", "--dataset=mnist5k"),
    ("train", "--network=F1", "--dataset=digits", "--batch_size=479", "--epochs=1", "--jit_compile=on"),
])
def test_scripts_say_nothing_but_their_own_words_and_have_the_threads_of_a_quota(arguments, tmp_path):
    """joblib takes the variable for the quota of a container; TensorFlow would take a thread for each processor."""
    name, *options = arguments
    finished = fresh_script(name, *options, *([f"--workdir={tmp_path}"] if name == "train" else []),
                            env={"LOKY_MAX_CPU_COUNT": "1"})
    assert finished.returncode == 0 and finished.stderr == "" and finished.stdout
    configs = [files.read_json(path) for path in tmp_path.glob("runs/*/config.json")]
    assert [config["machine"]["intra_op_threads"] for config in configs] == ([1] if name == "train" else [])


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="TensorFlow's default holds elsewhere")
def test_scripts_compute_with_onednn_unless_it_is_turned_off(monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    prepare_tensorflow()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"
    # A process that begins as a script does; it may be the first, whose server keeps the environment.
    assert forked.call(machine.hardware)["onednn"] is True
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    prepare_tensorflow()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"


_GREETED = """
import os, sys
import replication
from replication import machine
machine.prepare_tensorflow()
sys.path.insert(0, sys.argv[1])
import tensorflow
"""


@pytest.mark.parametrize("fails", [False, True])
def test_other_messages_at_the_import_come_through(fails, tmp_path):
    greeting = ["WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
                "I0000 00:00:1 2 port.cc:153] oneDNN custom operations are on. You may see"]
    package = "import os\n" + "".join(f"os.write(2, {line + chr(10)!r}.encode())\n" for line in
                                      [*greeting, "E0000 00:00:1 2 out of memory", greeting[0]])
    (tmp_path / "tensorflow.py").write_text(package + ("raise ImportError('no library')\n" if fails else ""))
    finished = subprocess.run([sys.executable, "-c", _GREETED, tmp_path], cwd=ROOT, capture_output=True, text=True)
    first, *others = finished.stderr.splitlines()
    assert first == "E0000 00:00:1 2 out of memory"
    assert finished.returncode == (1 if fails else 0) and ("ImportError: no library" in others) == fails


def test_a_processor_for_which_tensorflow_is_not_made_hears_its_reason(monkeypatch, capfd):
    """TensorFlow writes it and aborts, so that what is held back would be lost."""
    monkeypatch.setattr(machine, "_processor", lambda: {"flags": "fpu sse4_2"})
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with machine._without_greeting():
        os.write(2, b"compiled to use AVX instructions")
        assert capfd.readouterr().err == "compiled to use AVX instructions"


def test_the_log_has_plain_lines():
    code = ("from absl import flags, logging; from replication import machine; flags.FLAGS(['script']); "
            "machine.log_plainly(); logging.set_verbosity('info'); logging.info('trained'); "
            "logging.warning('slow: %d', 3); logging.error('failed')")
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert finished.stderr.splitlines() == ["trained", "warning: slow: 3", "error: failed"]


def test_records_name_the_version_and_commit_of_this_package_and_the_processor():
    own = machine.versions()["replication"]
    assert own.startswith(replication.__version__)
    if (ROOT / ".git").exists():
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
        assert commit[:12] in own
    assert machine.hardware()["processor"]


def test_a_quota_of_one_processor_counts(monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert machine.processors() == 1


def test_a_quota_beyond_the_processors_is_none(monkeypatch):
    processors = machine.processors()
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1000")
    assert machine.processors() == processors
