"""The sizes of growing batches: the schedule, and the test of the variance against NumPy."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from replication import remedies
from replication.remedies import dynamic_sampling
from replication.training.model import TrainingModel

SCHEDULE = remedies.DynamicSampling(first_batch_size=256, growth=1.5)


def test_scheduled_sizes_grow_by_the_factor_up_to_the_limit():
    sizes = [SCHEDULE.scheduled_size(epoch, limit=1000) for epoch in range(6)]
    assert sizes == [256, 384, 576, 864, 1000, 1000]
    assert SCHEDULE.scheduled_size(10**6, limit=1000) == 1000, "no overflow"
    constant = remedies.DynamicSampling(first_batch_size=256, growth=1.0)
    assert constant.scheduled_size(10**6, limit=1000) == 256


@pytest.mark.parametrize("variance, expected", [(0.0, 10), (5.0, 10), (5.1, 11), (30.0, 60), (60.0, 100)])
def test_sufficient_size_is_the_smallest_that_passes(variance, expected):
    """theta^2 ||g||^2 = 0.25 * 2: |B| must be at least 2 ||V||_1."""
    remedy = remedies.DynamicSampling(test="variance", theta=0.5)
    assert remedy.sufficient_size(10, 2.0, variance, limit=100) == expected


class _Arrays:
    """Stands in for `Examples`."""

    def __init__(self, inputs, labels):
        self._arrays = inputs, labels

    def gather(self, rows):
        return tuple(tf.gather(array, rows["indices"]) for array in self._arrays)


@pytest.mark.parametrize("size", [1, 3])
def test_variance_is_that_of_the_gradients(size):
    generator = np.random.default_rng(0)
    inputs, labels = generator.normal(size=(24, 4)), generator.integers(5, size=24)
    layer = keras.Input((4,))
    network = keras.Model(layer, keras.layers.Dense(5, activation="softmax")(layer))
    model = TrainingModel(network, None)
    model.compile("sgd", loss="sparse_categorical_crossentropy")
    kernel, bias = (v.numpy().astype("float64") for v in network.trainable_variables)
    rows = generator.permutation(24)[:15 // size * size].reshape(-1, size)

    logits = inputs @ kernel + bias
    errors = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) - np.eye(5)[labels]
    single = np.concatenate([(inputs[:, :, None] * errors[:, None, :]).reshape(24, -1), errors], axis=1)
    parts = single[rows].mean(axis=1)

    found = dynamic_sampling.gradient_variance(
        model, _Arrays(tf.constant(inputs, tf.float32), tf.constant(labels)), tf.constant(rows))
    # ||g||^2 is that of a single batch, as the test of Byrd et al. has it.
    expected = np.mean(np.sum(parts**2, axis=1)), np.sum(parts.var(axis=0, ddof=1))
    # float32 gradients of numbers near 1.
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_parts_fit_into_the_training_set():
    assert dynamic_sampling.part_size(50, 1437) == 50
    assert dynamic_sampling.part_size(500, 1437) == 143
    assert dynamic_sampling.part_size(5, 7) == 1


@pytest.mark.parametrize("size, examples, limit, expected", [
    (108, 4000, 400, 109),  # would leave 4
    (1999, 4000, 1999, 1999), (1998, 4000, 1999, 1999),  # would leave 4, and 2,000 exceed the limit
    (830, 721_329, 72_133, 832),  # 831 would leave 21
    (100, 4000, 400, 100), (400, 4001, 400, 400), (576, 60_000, 6000, 576), (59_999, 60_000, 60_000, 60_000)])
def test_the_last_batch_is_not_tiny(size, examples, limit, expected):
    """Its batch normalization would know few examples. The run's own batch size stays as it is."""
    assert dynamic_sampling.without_a_small_rest(size, examples, limit=limit) == expected


def test_sizes_with_a_large_enough_rest_never_shrink():
    for examples in (421, 1437, 4000):
        limit = examples // 10
        found = [dynamic_sampling.without_a_small_rest(size, examples, limit=limit) for size in range(1, limit + 1)]
        assert found == sorted(found) and all(each >= size for size, each in enumerate(found, 1))
        assert all(each == limit or examples % each == 0 or examples % each >= each / 10 for each in found)


@pytest.mark.parametrize("size, expected", [(50, 200), (400, 1000)])
def test_a_gradient_of_noise_alone_fails_the_test_at_any_size(size, expected, monkeypatch):
    """Parts of at most a tenth of the examples have a larger squared gradient than a batch has, by their variance."""
    part = dynamic_sampling.part_size(size, 1000)
    monkeypatch.setattr(dynamic_sampling, "gradient_variance", lambda *_, **options: (3.0 / part, 3.0 / part))
    examples = types.SimpleNamespace(size=lambda split: 1000, order=lambda **options: np.arange(1000))
    run = types.SimpleNamespace(batch_size=1000, trial=0, jit_compile=False)
    remedy = remedies.DynamicSampling(test="variance", theta=0.5, first_batch_size=20)
    assert remedy.batch_size(run, [{"batch_size": size}], None, examples=examples) == expected
