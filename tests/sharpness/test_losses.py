"""f with any loss, masks and weights is the mean that `evaluate` gives; chosen weights; each layer."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from replication.data import partition
from replication.errors import MeasurementFailedError, UserError
from replication.sharpness import Objective, measure_sharpness
from replication.sharpness.suitability import layer_parts

GENERATOR = np.random.default_rng(0)
M = 70
INPUTS = GENERATOR.normal(size=(M, 6)).astype("float32")
LABELS = np.arange(M) % 3
SEQUENCES = GENERATOR.normal(size=(M, 5, 2)).astype("float32")
SEQUENCES[GENERATOR.random((M, 5)) < 0.4] = 0.0
TAGS = GENERATOR.integers(3, size=(M, 5))


def _one_hot(labels):
    return np.eye(3, dtype="float32")[labels]


def _dense(units=3, activation="softmax", **options):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation="tanh", **options),
                             keras.layers.Dense(units, activation=activation)])


def _evaluated(model, inputs, labels, weights=None, *, batch_size=24):
    """What `evaluate` gives for the batches of f, whose mean counts each by its examples; without a trace."""
    order, bounds = partition(M, batch_size)

    def take(structure, rows):
        return tf.nest.map_structure(lambda array: array[rows], structure)

    model.run_eagerly = True
    try:
        return model.evaluate(((take(inputs, rows), take(labels, rows), *(() if weights is None else (weights[rows],)))
                               for rows in np.split(order, bounds[1:-1])), verbose=0)
    finally:
        model.run_eagerly = False


class _OfRows(keras.losses.Loss):
    """A loss of a user's own, which takes labels [M] for outputs [M, 1]."""

    def call(self, y_true, y_pred):
        return tf.square(y_true - y_pred[:, 0])


def test_outputs_of_rank_1_and_labels_of_other_lengths_are_measured():
    """Neither has an accuracy."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    squeezed = keras.Model(inputs, keras.layers.Flatten()(keras.layers.Dense(1)(inputs))[:, 0])
    squeezed.compile(loss="mse")
    sequences = keras.Sequential([keras.Input((6, 4)), keras.layers.Dense(5)])
    sequences.compile(loss=keras.losses.CTC())
    steps = GENERATOR.normal(size=(M, 6, 4)).astype("float32")
    for model, inputs, labels in ((squeezed, INPUTS, INPUTS[:, 0]),
                                  (sequences, steps, GENERATOR.integers(1, 4, size=(M, 2)))):
        expected = pytest.approx(_evaluated(model, inputs, labels), rel=1e-5)
        for loss in (model.loss, "compiled"):
            result = measure_sharpness(model, inputs, labels, loss=loss, batch_size=24, iterations=1)
            assert result.loss == expected and result.sharpness > 0


def test_a_loss_that_layers_add_can_be_all_there_is():
    class Reconstruction(keras.layers.Layer):
        def call(self, inputs, outputs):
            self.add_loss(keras.ops.mean((inputs - outputs)**2))
            return outputs

    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    model = keras.Model(inputs, Reconstruction()(inputs, keras.layers.Dense(6)(keras.layers.Dense(2)(inputs))))
    model.compile("adam")
    result = measure_sharpness(model, INPUTS, np.zeros(M), loss="compiled", batch_size=24)
    assert result.loss == pytest.approx(_evaluated(model, INPUTS, np.zeros(M)), rel=1e-5) and result.sharpness > 0


@pytest.mark.parametrize("loss, model, labels", [
    (_OfRows(), lambda: _dense(1, None), INPUTS[:, 0]),
    ("kl_divergence", lambda: keras.Sequential([keras.Input((6,)), keras.layers.Reshape((6, 1)), keras.layers.Dense(
        1, "sigmoid", kernel_initializer=keras.initializers.GlorotUniform(0))]), np.abs(INPUTS)),
    (keras.losses.SparseCategoricalCrossentropy(ignore_class=2), lambda: _dense(), LABELS),
    (keras.losses.Dice(), lambda: _dense(3, "sigmoid"), _one_hot(LABELS)),
    (None, lambda: _dense(), LABELS), (None, lambda: _dense(), _one_hot(LABELS)),
    (None, lambda: _dense(), LABELS[:, None]),
    ("binary_crossentropy", lambda: _dense(1, "sigmoid"), LABELS % 2),
    (keras.losses.BinaryCrossentropy(), lambda: _dense(1, "sigmoid"), (LABELS % 2)[:, None]),
    ("mse", lambda: _dense(1, None), INPUTS[:, 0]),
    (keras.losses.MeanAbsoluteError(), lambda: _dense(1, None), INPUTS[:, 0]),
    ("mse", lambda: _dense(3, None), _one_hot(LABELS)),
    (lambda y, p: tf.reduce_mean(tf.abs(y - p) ** 1.5, axis=-1), lambda: _dense(3, None), _one_hot(LABELS)),
    (keras.losses.SparseCategoricalCrossentropy(from_logits=True), lambda: _dense(3, None), LABELS),
    (keras.losses.CategoricalCrossentropy(label_smoothing=0.1), lambda: _dense(), _one_hot(LABELS)),
    (keras.losses.MeanSquaredError(reduction="sum"), lambda: _dense(3, None), _one_hot(LABELS)),
])
def test_any_loss_is_what_evaluate_gives(loss, model, labels):
    model, default = model(), f"{'' if labels.shape == (M, 3) else 'sparse_'}categorical_crossentropy"
    model.compile("sgd", default if loss is None else loss)
    given = measure_sharpness(model, INPUTS, labels, loss=loss, batch_size=24, iterations=2)
    assert given.loss == pytest.approx(_evaluated(model, INPUTS, labels), rel=1e-5)
    compiled = measure_sharpness(model, INPUTS, labels, loss="compiled", batch_size=24, iterations=2)
    assert compiled.loss == pytest.approx(given.loss, rel=1e-6)
    assert compiled.sharpness == pytest.approx(given.sharpness, rel=1e-3)
    assert given.sharpness > 0


def test_penalties_are_part_of_the_compiled_loss_and_else_a_warning(caplog):
    model = _dense(kernel_regularizer=keras.regularizers.L2(0.1), activity_regularizer=keras.regularizers.L1(0.01))
    model.compile("sgd", "sparse_categorical_crossentropy")
    compiled = measure_sharpness(model, INPUTS, LABELS, loss="compiled", batch_size=24, iterations=2)
    assert "penalties" not in caplog.text
    assert compiled.loss == pytest.approx(_evaluated(model, INPUTS, LABELS), rel=1e-5)
    assert measure_sharpness(model, INPUTS, LABELS, iterations=2).loss < compiled.loss - 0.01
    assert "penalties" in caplog.text


def test_compiled_losses_of_several_outputs_leave_the_metrics_alone():
    inputs = keras.Input((6,))
    keras.utils.set_random_seed(0)
    model = keras.Model(inputs, {"a": keras.layers.Dense(3, activation="softmax", name="a")(inputs),
                                 "b": keras.layers.Dense(1, name="b")(inputs)})
    labels = {"a": LABELS, "b": INPUTS[:, :1]}
    model.compile("sgd", {"a": "sparse_categorical_crossentropy", "b": "mse"}, loss_weights={"a": 1.0, "b": 0.3})
    fresh = measure_sharpness(model, INPUTS, labels, loss="compiled", batch_size=24, iterations=2)
    model.evaluate(INPUTS, labels, verbose=0)
    before = [v.numpy() for v in model.metrics_variables]
    result = measure_sharpness(model, INPUTS, labels, loss="compiled", batch_size=24, iterations=2)
    assert all(np.array_equal(a, v.numpy()) for a, v in zip(before, model.metrics_variables, strict=True))
    assert result.loss == fresh.loss
    order, bounds = partition(M, 24)
    total = 0.0
    for start, stop in zip(bounds, bounds[1:]):
        rows = order[start:stop]
        outputs = model(INPUTS[rows])
        total += float(tf.reduce_sum(keras.losses.sparse_categorical_crossentropy(LABELS[rows], outputs["a"])))
        total += 0.3 * float(tf.reduce_sum((outputs["b"] - INPUTS[rows, :1]) ** 2))
    assert result.loss == pytest.approx(total / M, rel=1e-5)


def _tagger():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((5, 2)), keras.layers.Masking(),
                             keras.layers.SimpleRNN(4, return_sequences=True),
                             keras.layers.Dense(3, activation="softmax")])


@pytest.mark.parametrize("weights", [None, GENERATOR.random(M).astype("float32")])
@pytest.mark.parametrize("model, inputs, labels", [
    (_tagger, SEQUENCES, TAGS),
    (lambda: keras.Sequential([keras.Input((2,)), keras.layers.Masking(), keras.layers.Dense(
        3, activation="softmax", kernel_initializer=keras.initializers.GlorotUniform(1))]), SEQUENCES[:, 0], LABELS)],
    ids=["steps", "rows"])
def test_masks_and_weights_count_as_in_evaluate(model, inputs, labels, weights):
    model = model()
    model.compile("sgd", "sparse_categorical_crossentropy")
    if weights is not None and labels.ndim == 2:
        weights = np.repeat(weights[:, None], 5, axis=1)
    data = [(inputs, labels) if weights is None else (inputs, labels, weights)]
    expected = _evaluated(model, inputs, labels, weights)
    for loss in (None, "compiled"):
        result = measure_sharpness(model, data, loss=loss, batch_size=24, iterations=2)
        assert result.loss == pytest.approx(expected, rel=1e-5)
    plain = model.predict(inputs, verbose=0)
    unweighted = np.mean(keras.losses.sparse_categorical_crossentropy(labels, plain))
    assert abs(unweighted - expected) > 1e-3, "the masks matter"


@pytest.mark.parametrize("loss", [keras.losses.Dice(), lambda y, p: tf.reduce_mean((y - p) ** 2)])
def test_weights_count_in_a_loss_of_one_number(loss):
    weights = GENERATOR.random(M).astype("float32")
    model = _dense(3, "sigmoid")
    model.compile("sgd", loss)
    result = measure_sharpness(model, [(INPUTS, _one_hot(LABELS), weights)], loss=loss, batch_size=24, iterations=1)
    assert result.loss == pytest.approx(_evaluated(model, INPUTS, _one_hot(LABELS), weights), rel=1e-5)


def test_a_loss_below_its_bound_is_no_metric():
    with pytest.raises(MeasurementFailedError, match=r"f\(x\) is -3.* divides by 1 \+ f\(x\)"):
        measure_sharpness(_dense(), INPUTS, _one_hot(LABELS), loss=lambda y, p: -3 + 0 * tf.reduce_sum(p, axis=-1))


def test_layers_of_one_path_are_parts_of_their_own():
    towers = []
    for _ in range(2):
        inputs = keras.Input((6,))
        towers.append(keras.Model(inputs, keras.layers.Dense(2, name="projection")(inputs)))
    inputs = keras.Input((6,))
    model = keras.Model(inputs, keras.layers.Softmax()(keras.layers.Add()([tower(inputs) for tower in towers])))
    assert layer_parts(model.trainable_variables) == {"projection": slice(0, 14), "projection (2)": slice(14, 28)}


@pytest.mark.parametrize("chosen", ["dense_first/*", lambda model: model.layers[0].trainable_variables,
                                    lambda model: [model.layers[0].bias, model.layers[0].kernel]])
def test_chosen_weights_are_perturbed_alone(chosen):
    model = _dense(name="dense_first")
    variables = chosen if isinstance(chosen, str) else chosen(model)
    variables = "*dense_first/*" if isinstance(chosen, str) else variables
    result = measure_sharpness(model, INPUTS, LABELS, variables=variables)
    assert result.parameters == 6 * 8 + 8
    assert result.sharpness == _sharpness(last_frozen=True) < _sharpness(last_frozen=False)


@functools.cache
def _sharpness(*, last_frozen):
    model = _dense(name="dense_first")
    model.layers[1].trainable = not last_frozen
    return measure_sharpness(model, INPUTS, LABELS).sharpness


def test_each_layer_has_the_sharpness_of_its_weights():
    model = _dense()
    result = measure_sharpness(model, INPUTS, LABELS, per_layer=True)
    assert list(result.layers) == [layer.path for layer in model.layers]
    for layer in model.layers:
        alone = measure_sharpness(model, INPUTS, LABELS, variables=layer.trainable_variables)
        assert result.layers[layer.path] == alone.sharpness
    assert max(result.layers.values()) < result.sharpness
    assert result.to_json()["layers"] == result.layers
    assert "layers" not in measure_sharpness(model, INPUTS, LABELS, iterations=1).to_json()


def test_layers_of_enough_weights_have_a_subspace_of_their_own():
    model, choices = _dense(), {"subspace_dim": 30, "seed": 3, "subspace_distribution": "uniform"}
    result = measure_sharpness(model, INPUTS, LABELS, per_layer=True, **choices)
    large, = (layer for layer in model.layers if layer.count_params() >= 30)
    alone = measure_sharpness(model, INPUTS, LABELS, variables=large.trainable_variables, **choices)
    assert result.layers == {large.path: alone.sharpness}


class _Fixed(keras.Model):
    def __init__(self, frozen):
        super().__init__()
        self.normalization = keras.layers.BatchNormalization(name="fixed_one", trainable=not frozen)
        self.dense, self.out = keras.layers.Dense(5), keras.layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.out(self.normalization(self.dense(x), training=False if self.normalization.trainable else None))


@pytest.mark.parametrize("frozen", [True, False])
def test_normalization_that_never_uses_the_batch_is_named_with_both_values(frozen, caplog):
    keras.utils.set_random_seed(0)
    model = _Fixed(frozen)
    model(INPUTS[:2])
    result = measure_sharpness(model, INPUTS, LABELS, iterations=1)
    moving = Objective(model, INPUTS, LABELS, statistics="moving")
    value = moving.value(moving.x)
    assert abs(value - result.loss) > 1e-3
    assert "fixed_one" in caplog.text and f"{value:.6g}" in caplog.text and f"{result.loss:.6g}" in caplog.text
    caplog.clear()
    measure_sharpness(model, INPUTS, LABELS, statistics="moving", iterations=1)
    assert "fixed_one" not in caplog.text


def test_accuracy_is_that_of_class_labels():
    model = _dense()
    expected = np.mean(np.argmax(model.predict(INPUTS, verbose=0), axis=-1) == LABELS)
    for labels in (LABELS, _one_hot(LABELS)):
        objective = Objective(model, INPUTS, labels, batch_size=24)
        assert objective.value_and_accuracy(objective.x)[1] == pytest.approx(expected)
    regression = Objective(_dense(1, None), INPUTS, INPUTS[:, 0], loss="mse")
    assert np.isnan(regression.value_and_accuracy(regression.x)[1])
    two_classes = Objective(_dense(1, "sigmoid"), INPUTS, LABELS % 2, loss="binary_crossentropy")
    assert np.isnan(two_classes.value_and_accuracy(two_classes.x)[1])
    tagger = Objective(_tagger(), SEQUENCES, TAGS)
    predicted = np.argmax(tagger.model.predict(SEQUENCES, verbose=0), axis=-1)
    assert tagger.value_and_accuracy(tagger.x)[1] == pytest.approx(np.mean(predicted == TAGS))


def test_labels_of_the_shape_of_the_outputs_are_distributions():
    model = _dense()
    several = np.eye(3, dtype="float32")[LABELS] + np.eye(3, dtype="float32")[(LABELS + 1) % 3]
    for labels in (several, 255 * _one_hot(LABELS), 2 * _one_hot(LABELS) - 1):
        with pytest.raises(UserError, match="labels: expected one-hot rows .* give loss='binary_crossentropy'"):
            measure_sharpness(model, INPUTS, labels)
    assert measure_sharpness(model, INPUTS, 0.9 * _one_hot(LABELS) + 0.1 / 3, iterations=1).sharpness > 0
    rows = _one_hot(TAGS)
    rows[(SEQUENCES == 0).all(axis=-1)] = 0
    assert measure_sharpness(_tagger(), SEQUENCES, rows, iterations=1).sharpness > 0


def test_probabilities_are_no_logits():
    inputs = keras.Input((6,))
    mean = keras.layers.Average()([keras.layers.Dense(3, activation="softmax")(inputs) for _ in range(2)])
    with pytest.raises(UserError, match="its outputs are probabilities; leave out from_logits=True"):
        measure_sharpness(keras.Model(inputs, mean), INPUTS, LABELS, from_logits=True)


def test_a_negative_loss_is_told(caplog):
    measure_sharpness(_dense(), INPUTS, _one_hot(LABELS), loss="cosine_similarity", iterations=1)
    assert "supposes that f is not negative; add the lower bound of the loss" in caplog.text
