"""Options of a run that act on the whole process, each in a process of its own."""

from replication import configuration, files, records
from tests import networks
from tests.scripts import succeed

# 1,437 examples make three equal batches, so that XLA compiles one step.
_ARGUMENTS = [f"--network={networks.ONE_LAYER}", "--regime=LB", "--dataset=digits", "--batch_size=479", "--epochs=2"]


def _train(folder, *arguments):
    succeed("train", *arguments, f"--workdir={folder}")
    (record,), problems = records.Workdir.open(folder).runs()
    assert not problems
    return record


def test_deterministic_run_uses_one_thread_and_repeats(tmp_path):
    first, second = (_train(tmp_path / name, *_ARGUMENTS, "--deterministic") for name in ("a", "b"))
    assert first.config["machine"]["intra_op_threads"] == 1
    # Keras does not use XLA then, and the record does not say so.
    assert not first.configuration.jit_compile
    assert files.file_checksum(first.final_weights) == files.file_checksum(second.final_weights)


def test_config_file_repeats_a_run_bit_for_bit(tmp_path):
    first = _train(tmp_path / "a", *_ARGUMENTS, "--jit_compile=on")
    assert first.configuration.jit_compile
    again = _train(tmp_path / "b", f"--config={first.folder / 'config.json'}")
    assert again.name == first.name
    assert files.file_checksum(again.final_weights) == files.file_checksum(first.final_weights)


def test_tensorboard_writes_its_files(tmp_path):
    record = _train(tmp_path, *_ARGUMENTS, "--tensorboard")
    assert list(record.logs.rglob("events.out.tfevents*"))


def test_regime_and_data_set_decide_the_default_batch_size(tmp_path):
    record = _train(tmp_path, "--regime=LB", "--dataset=digits", "--epochs=0", "--jit_compile=off")
    assert record.configuration == configuration.Run(
        network="F1", regime="LB", trial=0, dataset="digits", batch_size=144, epochs=0)
    assert record.result["stop"] == "0 epochs were asked for"
