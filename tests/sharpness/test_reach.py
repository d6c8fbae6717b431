"""Whether x reaches all weights, whatever way a model reads them."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from replication.sharpness import Objective, measure_sharpness

GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(60, 4)).astype("float32")
LABELS = np.arange(60) % 3


class Plain(keras.layers.Layer):
    """A dense layer of the user's own; the others compute the same in ways of their own."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 5), initializer=keras.initializers.GlorotUniform(1))

    def call(self, x):
        return tf.tanh(tf.matmul(x, self.kernel))


class Compiled(Plain):
    @tf.function
    def call(self, x):
        return tf.tanh(tf.matmul(x, self.kernel))


class Branching(Plain):
    """Needs AutoGraph."""

    @tf.function
    def call(self, x):
        if tf.reduce_sum(tf.abs(self.kernel)) < 1e9:
            return tf.tanh(tf.matmul(x, self.kernel))
        return x[:, :1] * tf.ones((1, 5))


class CompiledWithoutAutoGraph(Plain):
    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, 4])])
    def call(self, x):
        return tf.tanh(tf.matmul(x, self.kernel))


class Variable(Plain):
    """Reads TensorFlow's variable, past Keras."""

    def call(self, x):
        return tf.tanh(tf.matmul(x, self.kernel._value))


class Recomputed(Plain):
    """Its activations are computed again in the backward pass; the function takes the weight from its surroundings."""

    def call(self, x):
        return tf.recompute_grad(lambda inputs: tf.tanh(tf.matmul(inputs, self.kernel.value)))(x)


class Looped(Plain):
    def call(self, x):
        return tf.map_fn(lambda row: tf.tanh(tf.linalg.matvec(self.kernel, row, transpose_a=True)), x)


class Baked(Plain):
    """Computes with the value that the weight had when the call was traced."""

    def call(self, x):
        with tf.init_scope():
            kernel = self.kernel.numpy()
        return tf.tanh(tf.matmul(x, kernel))


class InPython(Plain):
    """Reads the weight in a Python function, through which no gradient goes."""

    def call(self, x):
        outputs = tf.py_function(lambda inputs: tf.tanh(tf.matmul(inputs, self.kernel.numpy())), [x], tf.float32)
        return tf.ensure_shape(outputs, (None, 5))


def _model(layer):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def _weights(model):
    return [v.numpy() for v in model.variables]


@pytest.fixture(scope="module")
def plain():
    """f of the plain layer, and its measurement."""
    model = _model(Plain())
    expected = measure_sharpness(model, INPUTS, LABELS, epsilon=0.01, iterations=2)
    return Objective(model, INPUTS, LABELS), expected


@pytest.mark.parametrize("kind", [Compiled, CompiledWithoutAutoGraph, Branching, Variable, Recomputed, Looped])
def test_every_read_of_a_weight_counts(kind, plain):
    """Measured before and after `evaluate`, which leaves graphs of the user's functions behind.

    Each kind rounds in its own way, and ten iterations of an ascent amplify the rounding; two do not. f and its
    gradient agree at x and far from it.
    """
    (theirs, expected), model = plain, _model(kind())
    for _ in range(2):
        result = measure_sharpness(model, INPUTS, LABELS, epsilon=0.01, iterations=2)
        assert result.loss == pytest.approx(expected.loss, rel=1e-6)
        assert result.sharpness == pytest.approx(expected.sharpness, rel=1e-4)
        assert model.evaluate(INPUTS, LABELS, batch_size=60, verbose=0) == pytest.approx(result.loss, rel=1e-6)
    ours = Objective(model, INPUTS, LABELS)
    for step in (0, 0.3):
        x = ours.x + step * np.random.default_rng(1).normal(size=len(ours.x))
        (f, gradient), (known, slope) = ours.value_and_gradient(x), theirs.value_and_gradient(x)
        assert f == pytest.approx(known, rel=1e-6) and np.abs(gradient - slope).max() < 1e-6
    before = _weights(model)
    model.fit(INPUTS, LABELS, verbose=0)
    assert not all(np.array_equal(a, b) for a, b in zip(before, _weights(model))), "the model trains as before"


@pytest.mark.parametrize("kind", [Baked, InPython])
def test_a_weight_that_x_does_not_reach_is_named(kind):
    model = _model(kind())
    before = _weights(model)
    with pytest.raises(ValueError, match="reads weight '.*/variable.*' as a constant"):
        measure_sharpness(model, INPUTS, LABELS)
    assert all(np.array_equal(a, b) for a, b in zip(before, _weights(model), strict=True))


class Subclass(keras.Model):
    """As in a public thread: a subclassed model whose call is a `tf.function`."""

    def __init__(self, compiled):
        super().__init__()
        self.dense, self.normalization = keras.layers.Dense(6), keras.layers.BatchNormalization()
        self.out = keras.layers.Dense(3, activation="softmax")
        if compiled:
            self.call = tf.function(self.call)

    def call(self, x, training=False):
        return self.out(tf.tanh(self.normalization(self.dense(x), training=training)))


def _subclass(compiled):
    keras.utils.set_random_seed(0)
    model = Subclass(compiled)
    model(INPUTS[:2])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@functools.cache
def _trained_and_measured(statistics):
    """The weights of the model whose call is none, and its sharpness."""
    model = _subclass(compiled=False)
    model.fit(INPUTS, LABELS, batch_size=20, epochs=2, verbose=0)
    return model.get_weights(), measure_sharpness(model, INPUTS, LABELS, statistics=statistics, epsilon=0.01).sharpness


@pytest.mark.parametrize("statistics", ["batch", "moving"])
@pytest.mark.parametrize("evaluated", [60, 20, None])
def test_a_model_whose_call_is_a_function(evaluated, statistics):
    weights, expected = _trained_and_measured(statistics)
    model = _subclass(compiled=True)
    model.set_weights(weights)
    if evaluated:
        before = model.evaluate(INPUTS, LABELS, batch_size=evaluated, verbose=0)
    found = measure_sharpness(model, INPUTS, LABELS, statistics=statistics, epsilon=0.01).sharpness
    if evaluated:
        assert model.evaluate(INPUTS, LABELS, batch_size=evaluated, verbose=0) == before
    assert found == pytest.approx(expected, rel=1e-5) and found > 1


def test_a_weight_without_influence_is_no_fault():
    inputs = keras.Input((4,))
    kept = keras.layers.Dense(3, activation="softmax")(inputs)
    model = keras.Model(inputs, [kept, keras.layers.Dense(2)(inputs)])

    class First(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = model

        def call(self, x):
            return self.inner(x)[0]

    first = First()
    first(INPUTS[:2])
    expected = measure_sharpness(keras.Model(inputs, kept), INPUTS, LABELS)
    result = measure_sharpness(first, INPUTS, LABELS)
    assert result.parameters == expected.parameters + 10
    assert result.sharpness == pytest.approx(expected.sharpness, rel=1e-6)


def test_weights_return_after_an_interrupt_in_the_middle_of_a_pass():
    model = _model(Plain())
    objective, before = Objective(model, INPUTS, LABELS, batch_size=20), _weights(model)

    def interrupted(size):
        def add(*arguments):
            raise KeyboardInterrupt

        return add

    objective._add_gradient = interrupted
    with pytest.raises(KeyboardInterrupt):
        objective.value_and_gradient(objective.x + 1)
    assert all(np.array_equal(a, b) for a, b in zip(before, _weights(model), strict=True))


def test_embeddings_have_gradients_in_slices():
    model = keras.Sequential([keras.Input((4,), dtype="int32"), keras.layers.Embedding(7, 3), keras.layers.Flatten(),
                              keras.layers.Dense(3, activation="softmax")])
    words = GENERATOR.integers(7, size=(60, 4)).astype("int32")
    objective = Objective(model, words, LABELS)
    _, gradient = objective.value_and_gradient(objective.x)
    step = 1e-3 * np.random.default_rng(0).normal(size=len(objective.x))
    difference = objective.value(objective.x + step) - objective.value(objective.x - step)
    assert 2 * gradient @ step == pytest.approx(difference, rel=1e-3)


class Saved(keras.layers.Layer):
    """Computes a batch normalization of its own in a graph that was traced before."""

    def build(self, shape):
        self.normalization = keras.layers.BatchNormalization()
        self.normalization.build(shape)
        self.graph = tf.function(lambda x: self.normalization(x, training=False)).get_concrete_function(
            tf.TensorSpec([None, shape[-1]]))

    def call(self, x):
        return self.graph(x)


def test_statistics_that_cannot_be_chosen_are_named():
    model = _model(Saved())
    with pytest.raises(ValueError, match="part of a saved graph.*statistics='moving'"):
        measure_sharpness(model, INPUTS, LABELS)
    result = measure_sharpness(model, INPUTS, LABELS, statistics="moving", iterations=2)
    assert result.loss == pytest.approx(model.evaluate(INPUTS, LABELS, batch_size=60, verbose=0), rel=1e-6)
    assert result.sharpness > 0
