"""What --jit_compile=auto stands for, and the optimizers."""

import importlib.resources

import keras
import numpy as np
import pytest
import tensorflow as tf

from replication import configuration, files, records
from replication.errors import UserError
from replication.training import compilation
from replication.training.compilation import jit_compile
from tests.scripts import succeed

TABLE = files.read_json(importlib.resources.files("replication.training") / "jit_compile.json")


@pytest.fixture
def device(monkeypatch):
    """A function that makes this a machine with so many GPUs."""
    return lambda gpus: monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind] * gpus)


def test_every_network_was_measured_on_a_processor():
    assert set(TABLE["CPU"]) >= {"F1", "F2", "C1", "C2", "C3", "C4"}


@pytest.mark.parametrize("network", TABLE["CPU"])
def test_auto_is_what_the_table_says(device, network):
    device(gpus=0)
    assert jit_compile("auto", network) is TABLE["CPU"][network]
    device(gpus=1)
    assert jit_compile("auto", network) is TABLE.get("GPU", {}).get(network, False)


def test_without_an_entry_it_is_off(device, monkeypatch):
    monkeypatch.setattr(files, "read_json", lambda path: {"CPU": {"F1": True}})
    device(gpus=0)
    assert jit_compile("auto", "F1") and not jit_compile("auto", "C1")
    device(gpus=1)
    assert not jit_compile("auto", "F1")


def test_on_and_off_ask_no_table(monkeypatch):
    monkeypatch.setattr(files, "read_json", lambda path: pytest.fail("it was read"))
    assert jit_compile("on", "C1") and not jit_compile("off", "F1")


def test_the_flag_resolves_by_it(tmp_path):
    succeed("train", "--network=F1", "--dataset=digits", "--epochs=0", "--jit_compile=auto", f"--workdir={tmp_path}")
    (record,), _ = records.Workdir.open(tmp_path).runs()
    assert record.configuration.jit_compile is jit_compile("auto", "F1")


def test_xla_that_keras_leaves_off_is_an_error():
    run = configuration.Run(network="F1", regime="LB", trial=0, dataset="digits", batch_size=144, jit_compile=True)
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(10, activation="softmax")])
    network.layers[0].supports_jit = False
    with pytest.warns(UserWarning, match="jit_compile"), pytest.raises(UserError, match="True: Keras leaves XLA off"):
        compilation.build_training_model(network, run, None)


def _adam(past):
    """Kingma and Ba's step in the form that corrects the rate, with an epsilon of 0.1."""
    first, second = (sum((1 - decay) * decay**age * each**power for age, each in enumerate(past))
                     for decay, power in ((0.9, 1), (0.999, 2)))
    return np.sqrt(1 - 0.999**len(past)) / (1 - 0.9**len(past)) * first / (np.sqrt(second) + 0.1)


@pytest.mark.parametrize("name, options, step", [
    ("sgd", {}, lambda past: past[0]), ("adam", {"adam_epsilon": 0.1}, _adam),
    ("momentum", {}, lambda past: sum(0.9**age * each for age, each in enumerate(past)))])
def test_optimizers_take_the_steps_of_their_formulas(name, options, step):
    run = configuration.Run(network="F1", regime="LB", trial=0, dataset="digits", batch_size=144, optimizer=name,
                            **options)
    optimizer = compilation._OPTIMIZERS[name](run, 0.05)
    weights, expected, past = keras.Variable(np.zeros(2, "float32")), np.zeros(2), []
    for gradient in np.array([[1.0, -2.0], [0.5, 1.0], [2.0, 0.1]]):
        optimizer.apply([tf.constant(gradient, tf.float32)], [weights])
        past.insert(0, gradient)
        expected -= 0.05 * step(past)
    assert weights.numpy() == pytest.approx(expected, rel=1e-5)


def test_adagrad_is_that_of_keras_1():
    """Steps of lr g / (sqrt(sum of g^2) + 1e-8), of small gradients too."""
    run = configuration.Run(network="F1", regime="LB", trial=0, dataset="digits", batch_size=144, optimizer="adagrad")
    optimizer = compilation._OPTIMIZERS["adagrad"](run, 0.01)
    gradients = np.array([[1.0, 1e-3, 1e-5, 1e-6, 0.0], [2.0, -1e-3, 3e-5, 1e-8, 0.0]], "float32")
    weights = keras.Variable(np.zeros(5, "float32"))
    expected, squares = np.zeros(5), np.zeros(5)
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [weights])
        squares += gradient.astype(float)**2
        expected -= 0.01 * gradient / (np.sqrt(squares) + 1e-8)
    assert weights.numpy() == pytest.approx(expected, rel=0.01, abs=1e-12)
