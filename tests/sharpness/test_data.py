"""The structures that examples come in: arrays, several inputs, unequal batches, and whatever yields batches."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from replication.errors import UserError
from replication.sharpness import Objective, measure_sharpness

M = 70
INPUTS = np.random.default_rng(0).normal(size=(M, 6)).astype("float32")
LABELS = np.arange(M) % 3


def _dense():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation="tanh"),
                             keras.layers.Dense(3, activation="softmax")])


@pytest.mark.parametrize("examples", [M, 2])
@pytest.mark.parametrize("structure", [list, dict])
def test_several_inputs(structure, examples):
    """As many as examples, too: a list of two arrays with two rows each is no array of two examples."""
    keras.utils.set_random_seed(0)
    first, second = keras.Input((6,), name="first"), keras.Input((6,), name="second")
    joined = keras.layers.Concatenate()([first, second])
    outputs = keras.layers.Dense(3, activation="softmax")(joined)
    names = {"first": INPUTS[:examples], "second": INPUTS[:examples] ** 2}
    values = names if structure is dict else list(names.values())
    model = keras.Model({"first": first, "second": second} if structure is dict else [first, second], outputs)
    model.compile("sgd", "sparse_categorical_crossentropy")
    result = measure_sharpness(model, values, LABELS[:examples], iterations=2)
    assert result.loss == pytest.approx(
        model.evaluate(values, LABELS[:examples], batch_size=examples, verbose=0), rel=1e-5)
    one = keras.Sequential([keras.Input((12,)), keras.layers.Dense(3, activation="softmax")])
    one.set_weights(model.get_weights())
    together = np.concatenate(list(names.values()), axis=1)
    assert result.sharpness == pytest.approx(
        measure_sharpness(one, together, LABELS[:examples], iterations=2).sharpness, rel=1e-4)


class _Batches(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        rows = slice(index * 20, (index + 1) * 20)
        return INPUTS[rows], LABELS[rows]


class _Loader:
    """As a loader of PyTorch: an iterable of lists, with a length."""

    def __len__(self):
        return 4

    def __iter__(self):
        return ([INPUTS[i:i + 20], LABELS[i:i + 20]] for i in range(0, M, 20))


@pytest.mark.parametrize("data", [
    lambda: tf.data.Dataset.from_tensor_slices((INPUTS, LABELS)).batch(20), lambda: _Batches(), lambda: _Loader(),
    lambda: [(INPUTS[i:i + 20], LABELS[i:i + 20]) for i in range(0, M, 20)],
    lambda: ((INPUTS[i:i + 20], LABELS[i:i + 20]) for i in range(0, M, 20)),
    lambda: tf.data.Dataset.from_generator(lambda: ((INPUTS[i:i + 20], LABELS[i:i + 20]) for i in range(0, M, 20)),
                                           output_types=("float32", "int64"))],
    ids=["dataset", "PyDataset", "loader", "list", "generator", "dataset without size"])
def test_batches_are_the_arrays_they_hold(data):
    expected = measure_sharpness(_dense(), INPUTS, LABELS, batch_size=24, iterations=2)
    result = measure_sharpness(_dense(), data(), batch_size=24, iterations=2)
    assert result.loss == expected.loss
    assert result.sharpness == expected.sharpness


def test_lists_of_one_are_the_arrays_in_them():
    expected = measure_sharpness(_dense(), [(INPUTS, LABELS, np.ones(M))], iterations=1)
    found = measure_sharpness(_dense(), [(INPUTS, [LABELS], [np.ones(M)])], iterations=1)
    assert (found.loss, found.sharpness) == (expected.loss, expected.sharpness)


def test_weights_that_do_not_fit_are_told():
    with pytest.raises(UserError, match=r"sample_weight: shape \[N, 3\], expected a weight for each loss, \[N\]"):
        measure_sharpness(_dense(), [(INPUTS, LABELS, np.ones((M, 3)))])


def test_batches_whose_length_is_not_known_are_read_to_their_end():
    """A `DataLoader` of PyTorch over an iterable data set has a `__len__` that raises a TypeError."""
    class Batches:
        def __len__(self):
            raise TypeError("object of type 'Iterable' has no len()")

        def __iter__(self):
            return iter([(INPUTS[:30], LABELS[:30]), (INPUTS[30:], LABELS[30:])])

    model = _dense()
    assert measure_sharpness(model, Batches(), iterations=1).loss == pytest.approx(
        measure_sharpness(model, INPUTS, LABELS, iterations=1).loss, rel=1e-6)


def test_unequal_batches_count_by_their_examples():
    """Seven examples in batches of 4 and 3."""
    model = _dense()
    objective = Objective(model, INPUTS[:7], LABELS[:7], batch_size=4)
    losses = keras.losses.sparse_categorical_crossentropy(LABELS[:7], model(INPUTS[:7]))
    assert objective.value(objective.x) == pytest.approx(float(tf.reduce_mean(losses)), rel=1e-6)
    with tf.GradientTape() as tape:
        mean = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(LABELS[:7], model(INPUTS[:7])))
    expected = np.concatenate([np.ravel(g) for g in tape.gradient(mean, [v.value for v in model.trainable_variables])])
    assert objective.value_and_gradient(objective.x)[1] == pytest.approx(expected, rel=1e-4, abs=1e-7)
