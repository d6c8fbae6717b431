"""f, the mean cross-entropy of a model over a whole data set, and its gradient, as functions of x."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from models.normalization import check_statistics, normalization_statistics
from replication import memory
from replication.data import check_examples, partition
from replication.devices import OneDevice
from replication.errors import UserError
from replication.weights import flatten_weights


class Objective:
    """f(x) over all M examples, for x in R^n the flattened trainable weights of a model.

    The set is passed in equal batches of at most `batch_size`, a fixed seeded random partition. Forward and backward
    run in the model's own dtype inside a function that is compiled once and called for each batch, so that an interrupt
    ends a pass between two batches; losses and gradients are accumulated in float64, on the device. Dropout is off. The
    model is never written to: a call replaces its weights by x for its own duration and drops all updates.

    Args:
        model: A built `keras.Model` from inputs to class probabilities, or logits, [batch, classes].
        inputs: Array [M, ...].
        labels: Whole numbers [M] or [M, 1] in 0 ... classes - 1.
        statistics: Statistics that every batch normalization uses: "batch" (default) or "moving".
        batch_size: Upper bound of a batch, default 5,000; M is split as evenly as possible.
        from_logits: Whether the model returns logits; False (default) for probabilities.
        seed: Seed of the partition, default 0.
        devices: The devices, see `devices.devices`; each passes a part of every batch, and all normalize by the
            statistics of the whole batch, so that f is the same. None (default) for one device.

    Attributes:
        x: The model's weights when the objective was made, or at the last `reread`, float64 [n].
        size: The number of examples, M.
        passes: The number of passes over the data so far.

    Raises:
        UserError: the model, inputs or labels do not fit; the message says which and why.
    """

    def __init__(self, model, inputs, labels, *, statistics="batch", batch_size=5000,
                 from_logits=False, seed=0, devices=None):
        check_model(model, statistics)
        classes = count_classes(model, inputs, from_logits=from_logits)
        inputs, labels = check_examples(inputs, labels, classes)
        self._devices = devices or OneDevice()
        self._model = model
        self._statistics = statistics
        self._from_logits = from_logits
        self._variables = list(model.trainable_variables)
        self._sizes = [int(np.prod(v.shape)) for v in self._variables]
        self.size = len(inputs)
        self.passes = 0
        order, bounds = partition(self.size, batch_size, seed)
        self._order = tf.constant(order)
        self._bounds = tf.constant(bounds)
        self._largest_batch = self._devices.share(int(bounds[1]))
        self._fitting_passes = set()
        self._inputs = self._devices.place(inputs)
        self._labels = self._devices.place(labels)
        self.x = flatten_weights(model)
        batch, scalar = tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float64)
        weights = [tf.TensorSpec(v.shape, v.dtype) for v in self._variables]
        gradient = tf.TensorSpec([len(self.x)], tf.float64)
        self._add_gradient = tf.function(self._add_loss_and_gradient, input_signature=[
            batch, weights, (scalar, gradient)])
        self._add_accuracy = tf.function(self._add_loss_and_hits, input_signature=[batch, weights, (scalar, scalar)])

    def reread(self):
        """Reads `x` from the model again, after the model has been given other weights."""
        self.x = flatten_weights(self._model)

    @property
    def dtype(self):
        """The NumPy dtype of the least precise trainable variable or layer."""
        computed = (layer.compute_dtype for layer in self._model._flatten_layers())
        return min((np.dtype(d) for d in (*(v.dtype for v in self._variables), *computed) if "float" in str(d)),
                   key=lambda d: d.itemsize)

    def value_and_gradient(self, x):
        """Returns f(x) as a float and its gradient, float64 [n].

        Raises:
            UserError: the activations of a batch do not fit into memory.
        """
        with self._fitting(backward=True):
            loss, gradient = self._mean(self._add_gradient, x, tf.zeros([len(self.x)], tf.float64))
        return float(loss), gradient.numpy()

    def value(self, x):
        """Returns f(x) as a float."""
        return self.value_and_accuracy(x)[0]

    def value_and_accuracy(self, x):
        """Returns f(x) and the share of examples whose most probable class is their label, as floats.

        Raises:
            UserError: the activations of a batch do not fit into memory.
        """
        with self._fitting(backward=False):
            loss, accuracy = self._mean(self._add_accuracy, x, tf.zeros([], tf.float64))
        return float(loss), float(accuracy)

    def _mean(self, add, x, zero):
        """Runs `add` over all batches; returns the mean loss and the mean of its second sum, which starts at `zero`."""
        self.passes += 1
        weights, totals = self._unflatten(x), (tf.zeros([], tf.float64), zero)
        for batch in range(len(self._bounds) - 1):
            totals = add(tf.constant(batch), weights, totals)
        return tuple(total / self.size for total in totals)

    @contextlib.contextmanager
    def _fitting(self, *, backward):
        # A pass like one that fitted will fit again, while memory that TensorFlow keeps would look taken.
        if backward in self._fitting_passes:
            yield
            return
        with memory.fitting(self._model, self._largest_batch, backward=backward):
            yield
        self._fitting_passes |= {backward, False}

    @tf.autograph.experimental.do_not_convert
    def _add_loss_and_gradient(self, batch, weights, totals):
        def pass_part(batch, weights):
            inputs, labels = self._part_of(batch)
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                losses, _ = self._losses(weights, inputs, labels)
                batch_loss = tf.reduce_sum(losses)
            gradients = tape.gradient(batch_loss, weights, unconnected_gradients="zero")
            flat = tf.concat([tf.reshape(tf.cast(g, tf.float64), [-1]) for g in gradients], axis=0)
            return tf.reduce_sum(tf.cast(losses, tf.float64)), flat

        return self._add(pass_part, batch, weights, totals)

    @tf.autograph.experimental.do_not_convert
    def _add_loss_and_hits(self, batch, weights, totals):
        def pass_part(batch, weights):
            inputs, labels = self._part_of(batch)
            losses, outputs = self._losses(weights, inputs, labels)
            right = tf.equal(tf.argmax(outputs, axis=-1, output_type=tf.int32), labels)
            return tf.reduce_sum(tf.cast(losses, tf.float64)), tf.reduce_sum(tf.cast(right, tf.float64))

        return self._add(pass_part, batch, weights, totals)

    def _add(self, pass_part, batch, weights, totals):
        """Adds the two sums that `pass_part` returns for each device's part of a batch to `totals`."""
        with normalization_statistics(self._model, self._statistics, synchronized=self._devices.number > 1):
            parts = self._devices.total(self._devices.run(pass_part, batch, weights))
        return tuple(total + part for total, part in zip(totals, parts))

    def _part_of(self, batch):
        start, stop = self._devices.part(self._bounds[batch], self._bounds[batch + 1])
        rows = self._order[start:stop]
        return (tf.gather(self._devices.local(self._inputs), rows),
                tf.gather(self._devices.local(self._labels), rows))

    def _losses(self, weights, inputs, labels):
        with _Evaluation(state_mapping=list(zip(self._variables, weights))) as evaluation:
            outputs = self._model(inputs, training=False)
        evaluation.check_not_random()
        losses = keras.losses.sparse_categorical_crossentropy(labels, outputs, from_logits=self._from_logits)
        return losses, outputs

    def _unflatten(self, x):
        parts = tf.split(x, self._sizes)
        return [tf.cast(tf.reshape(part, v.shape), v.dtype) for part, v in zip(parts, self._variables)]


class _Evaluation(keras.StatelessScope):
    """A scope in which a call changes no variable, and which notices draws from Keras's generators.

    The scope drops the update of a seed, so a random layer would draw the same numbers in each call, and comparing two
    evaluations would not show that f is random.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._updated = []

    def add_update(self, update):
        self._updated.append(update[0])
        super().add_update(update)

    def check_not_random(self):
        """Raises a UserError if a seed was advanced."""
        if any("seed_generator" in variable.path for variable in self._updated):
            raise UserError("the model draws random numbers in evaluation (dropout or noise that stays active); "
                            "f must be deterministic: make the layer obey training=False")


def check_model(model, statistics="moving"):
    """Raises a UserError unless `model` is a built `keras.Model` whose normalizations can use `statistics`."""
    if keras.backend.backend() != "tensorflow":
        raise UserError(f"Keras runs on {keras.backend.backend()!r}; set KERAS_BACKEND=tensorflow")
    if not isinstance(model, keras.Model):
        raise UserError(f"model: expected a keras.Model of Keras 3, received {type(model).__name__}")
    if not model.built:
        raise UserError(f"model {model.name!r}: not built; call it once on a batch of inputs")
    half = [layer for layer in model._flatten_layers() if layer.compute_dtype in ("float16", "bfloat16")]
    if half:
        raise UserError(f"model {model.name!r}: layer {half[0].name!r} computes in {half[0].compute_dtype}; sharpness "
                        "needs float32 at least, rounding would drown the rise that it seeks")
    if not model.trainable_variables:
        raise UserError(f"model {model.name!r}: has no trainable weights; there is nothing to perturb")
    try:
        check_statistics(model, statistics)
    except ValueError as error:
        raise UserError(str(error)) from None


def count_classes(model, inputs, *, from_logits):
    """Returns the number of outputs of `model`, from a call on a few of `inputs`.

    Raises:
        UserError: the model does not take such inputs, has another kind of output, or returns no probabilities although
            `from_logits` is false.
    """
    if isinstance(inputs, dict | list | tuple) and len(getattr(model, "inputs", None) or [None]) != 1:
        raise UserError(f"model {model.name!r}: takes several inputs; sharpness is measured of models of one")
    if not len(inputs):
        raise UserError("inputs: there are no examples")
    with _Evaluation():
        try:
            outputs = model(tf.convert_to_tensor(inputs[:32]), training=False)
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"inputs of shape {np.shape(inputs)} do not fit model {model.name!r}: {reason}") from None
    if not tf.is_tensor(outputs) or len(outputs.shape) != 2:
        raise UserError(f"model {model.name!r}: expected one output of shape [batch, classes]")
    if outputs.shape[-1] == 1:
        raise UserError(f"model {model.name!r}: has a single output; expected one for each class, so two at least")
    rows = np.asarray(outputs, np.float64)
    if not from_logits and np.all(np.isfinite(rows)) and (
            rows.min() < 0 or not np.allclose(rows.sum(axis=-1), 1, atol=1e-2)):
        raise UserError(f"model {model.name!r}: its outputs are no probabilities (negative, or their sum is "
                        "not 1); give from_logits=True if they are logits")
    return outputs.shape[-1]
