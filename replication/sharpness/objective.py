"""f, the mean loss of a model over a whole data set, and its gradient, as functions of x."""

import contextlib
import functools
import itertools

import keras
import numpy as np
import tensorflow as tf

from models.normalization import normalization_statistics
from models.recomputation import keeping_activations, recomputes
from replication import memory
from replication.configuration import BATCH_SIZE
from replication.data import partition
from replication.devices import OneDevice, full_precision
from replication.errors import require
from replication.sharpness import tracing
from replication.sharpness.classes import number_right
from replication.sharpness.examples import Examples, map_arrays, read_examples
from replication.sharpness.inspection import inspect
from replication.sharpness.losses import is_of_keras, resolve_loss
from replication.sharpness.suitability import (
    check_model,
    check_weights,
    complete,
    gains_by_xla,
    has_known_gradients,
    select_variables,
)

# How far the states of random generators move to see whether f depends on them.
_OTHER_SEEDS = 1_000_003


class Objective:
    """f(x) over all M examples, for x in R^n the flattened trainable weights of a model.

    The set is passed in equal batches of at most `batch_size`, a fixed seeded random partition. Forward and backward
    run in the model's own dtype inside a function that is compiled once and called for each batch, so that an interrupt
    ends a pass between two batches; losses and gradients are accumulated in float64, on the device. For the duration of
    a pass the model's weights are x; afterwards, whatever happens, they are what they were. All other variables are
    left alone: a call of the model drops its updates.

    Args:
        model: A built `keras.Model`; without `loss`, one from inputs to class probabilities or logits [..., classes].
        inputs: Array [M, ...], several of them, or batches with their labels, see `measure_sharpness`; or `Examples`.
        labels: What the loss takes; without `loss`, class numbers [M, ...] or [M, ..., 1], or one-hot rows.
        statistics: Statistics that every batch normalization uses: "batch" (default) or "moving".
        batch_size: Upper bound of a batch, default 5,000; M is split as evenly as possible. "all" for one batch.
        dropout_active: Whether dropout is active, with masks that its seeds and the batch decide; default False.
        from_logits: Whether the model returns logits; False (default) for probabilities.
        loss: None (default) for cross-entropy, or another loss, see `measure_sharpness`.
        variables: The trainable variables that x consists of, see `select_variables`; None (default) for all.
        seed: Seed of the partition, default 0.
        devices: The devices, see `devices.devices`; each passes a part of every batch, and all normalize by the
            statistics of the whole batch, so that f is the same. None (default) for one device.
        jit_compile: Whether XLA compiles the passes, once for each size of a batch. By default it does for large
            passes of dense layers on a CPU, see `gains_by_xla`.

    Attributes:
        x: The model's weights when the objective was made, or at the last `reread`, float64 [n].
        model: The model.
        variables: The variables that x consists of.
        size: The number of examples, M.
        statistics, dropout_active: As above.
        dtype: The least precise NumPy dtype of the operations between the weights and f.
        moving_in_training: The batch normalizations that use moving averages in training too, although f uses the
            statistics of the batch.
        leaves_out_penalties: Whether the model has regularizers or added losses which f is without.
        has_known_gradients: Whether the model and the loss consist of Keras's layers, losses and ours alone.
        passes: The number of passes over the whole data so far.
        jit_compile: Whether XLA compiles them.

    Raises:
        UserError: the model, inputs or labels do not fit; the message says which and why.
    """

    def __init__(self, model: keras.Model, inputs, labels=None, *, statistics: str = "batch",
                 batch_size: int | str = BATCH_SIZE, dropout_active: bool = False, from_logits: bool = False, loss=None,
                 variables=None, seed: int = 0, devices=None, jit_compile: bool | None = None):
        check_model(model, statistics)
        check_weights(model)
        self.model, self.variables = model, select_variables(model, variables)
        self._sizes = [int(np.prod(v.shape)) for v in self.variables]
        examples = inputs if isinstance(inputs, Examples) else read_examples(model, inputs, labels)
        self._options = {
            "inputs": examples, "statistics": statistics, "batch_size": batch_size, "dropout_active": dropout_active,
            "from_logits": from_logits, "loss": loss, "variables": self.variables, "seed": seed, "devices": devices,
            "jit_compile": jit_compile}
        self._devices = devices or OneDevice()
        require(not dropout_active or self._devices.number == 1, "dropout_active", True, "False with several devices")
        self.statistics, self.dropout_active = statistics, dropout_active
        with complete(model):
            self._loss = resolve_loss(loss, model, examples, from_logits=from_logits)
            seen = inspect(model, examples, self._loss, variables=self.variables, statistics=statistics,
                           training=dropout_active, classify=loss is None, from_logits=from_logits)
        self._seeds, self.dtype, self.moving_in_training = seen.seeds, seen.dtype, seen.moving_in_training
        self.leaves_out_penalties, self.size = seen.leaves_out_penalties, examples.size
        self.passes, self._fitting_passes = 0, set()
        self.has_known_gradients = has_known_gradients(model) and is_of_keras(loss)
        order, bounds = partition(self.size, self.size if batch_size == "all" else batch_size, seed)
        self._order, self._bounds = tf.constant(order), bounds.tolist()
        self._largest_batch = self._devices.rows_per_memory(int(bounds[1]))
        arrays = (examples.inputs, seen.labels, examples.weights)
        self._structure = tf.nest.map_structure(lambda array: array is not None, arrays)
        self._arrays = [None if array is None else self._devices.to_device(array)
                        for array in tf.nest.flatten(arrays)]
        self.jit_compile = jit_compile if jit_compile is not None else (
            loss is None and gains_by_xla(model, self.size, self._devices))
        self.reread()
        self._assign = tracing.trace(self._set_weights, tf.TensorSpec([len(self.x)], tf.float64))
        self._restore = tracing.trace(
            lambda values: [v.assign(value) for v, value in zip(self.variables, values)] and None,
            [tf.TensorSpec(v.shape, v.dtype) for v in self.variables])
        scalar, gradient = tf.TensorSpec([], tf.float64), tf.TensorSpec([len(self.x)], tf.float64)
        self._add_gradient = self._compiled(self._loss_and_gradient, (scalar, gradient))
        self._add_accuracy = self._compiled(self._loss_and_hits, (scalar, scalar))
        self._add_product = self._compiled(self._loss_and_product, (scalar, gradient))

    def variant(self, **changes) -> "Objective":
        """Returns an objective of the same model and data with some other arguments."""
        return Objective(self.model, **{**self._options, **changes})

    def reread(self) -> None:
        """Reads `x` from the model again, after the model has been given other weights."""
        self.x = np.concatenate([v.numpy().astype(np.float64).reshape(-1) for v in self.variables])

    def representable(self, x: np.ndarray) -> np.ndarray:
        """Returns x, float64 [n], as the model's variables hold it, rounded to their dtypes."""
        parts = np.split(x, np.cumsum(self._sizes)[:-1])
        return np.concatenate([part.astype(v.dtype).astype(np.float64) for v, part in zip(self.variables, parts)])

    def value_and_gradient(self, x: np.ndarray, examples: int | None = None) -> tuple[float, np.ndarray]:
        """Returns f(x) as a float and its gradient, float64 [n].

        Args:
            x: Weights, float64 [n].
            examples: The mean is taken over this many examples, the first of the partition; None (default) for all.

        Raises:
            UserError: the activations of a batch do not fit into memory.
        """
        with self._fitting(backward=True):
            loss, gradient = self._mean(self._add_gradient, x, tf.zeros([len(self.x)], tf.float64), examples=examples)
        return float(loss), gradient.numpy()

    def hessian_product(self, x: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Returns the product of the Hessian of f at x with a direction, both float64 [n], as float64 [n].

        Where activations such as ReLU have kinks, it is the Hessian of the pieces between them.

        Raises:
            UserError: the activations of a batch do not fit into memory.
            MeasurementFailedError: an operation has no second derivative.
        """
        self._direction.assign(direction)
        with keeping_activations(self.model), self._fitting(backward=True, factor=memory.SECOND_DERIVATIVES):
            return self._mean(self._add_product, x, tf.zeros([len(self.x)], tf.float64))[1].numpy()

    @functools.cached_property
    def _direction(self):
        return tf.Variable(tf.zeros([len(self.x)], tf.float64))

    def value(self, x: np.ndarray, examples: int | None = None) -> float:
        """Returns f(x) as a float, over all or the first examples as `value_and_gradient` does."""
        return self.value_and_accuracy(x, examples)[0]

    def value_and_accuracy(self, x: np.ndarray, examples: int | None = None) -> tuple[float, float]:
        """Returns f(x) and the share of labels that are the most probable class, as floats; NaN without classes.

        Raises:
            UserError: the activations of a batch do not fit into memory.
        """
        return self._value(x, examples=examples)

    def value_with_other_seeds(self, x: np.ndarray) -> float:
        """Returns f(x) as a float; without active dropout, random generators have other states than elsewhere.

        The value is f(x) unless a layer draws random numbers in evaluation.
        """
        return self._value(x, offset=0 if self.dropout_active else _OTHER_SEEDS)[0]

    def _value(self, x, **options):
        with self._fitting(backward=False):
            loss, accuracy = self._mean(self._add_accuracy, x, tf.zeros([], tf.float64), **options)
        return float(loss), float(accuracy)

    def _mean(self, add, x, zero, *, examples=None, offset=0):
        """Runs `add` over all batches; returns the mean loss and the mean of its second sum, which starts at `zero`."""
        self.passes += examples is None
        bounds = self._bounds if examples is None else [0, min(examples, self._bounds[1])]
        totals = (tf.zeros([], tf.float64), zero)
        with full_precision(), self._weights(x):
            for start, stop in itertools.pairwise(bounds):
                totals = add(stop - start)(tf.constant(start), tf.constant(stop), tf.constant(offset), totals)
        return tuple(total / bounds[-1] for total in totals)

    @contextlib.contextmanager
    def _weights(self, x):
        """Opens a block within which the model's weights are x."""
        before = [tf.identity(v.value) for v in self.variables]
        try:
            self._assign(tf.constant(x, tf.float64))
            yield
        finally:
            self._restore(before)

    def _set_weights(self, x):
        for variable, part in zip(self.variables, self._parts(x)):
            variable.assign(part)

    def _parts(self, vector):
        """Returns a vector, float64 [n], as tensors of the shapes and dtypes of the variables."""
        return [tf.cast(tf.reshape(part, variable.shape), variable.dtype)
                for variable, part in zip(self.variables, tf.split(vector, self._sizes))]

    @contextlib.contextmanager
    def _fitting(self, *, backward, factor=1.0):
        # A pass like one that fitted will fit again, while memory that TensorFlow keeps would look taken.
        kind = (backward, recomputes(self.model), factor)
        with tracing.naming_missing_derivatives(self.model), memory.guard(
                self.model, self._largest_batch, backward=backward, factor=factor,
                estimated=kind not in self._fitting_passes):
            yield
        self._fitting_passes |= {kind, (False, kind[1], 1.0)}

    def _compiled(self, compute, totals):
        """Returns a function from the size of a batch to the function that adds the sums of such a batch to totals.

        XLA needs one for each size; partitions have two sizes at most. Without XLA one serves all sizes.

        Args:
            compute: Function from the states of random generators, inputs, labels and weights to two sums over them.
            totals: The specifications of the two sums.
        """
        row = tf.TensorSpec([], tf.int32)

        @functools.cache
        def add(size):
            return tracing.trace(functools.partial(self._add, compute, size), row, row, row, totals)

        return add if self.jit_compile else lambda size: add(None)

    def _add(self, compute, size, start, stop, offset, totals):
        """Adds the two sums that `compute` returns for each device's shard of a batch to `totals`."""
        # Each batch has masks of its own, the same in each pass.
        first = start if self.dropout_active else 0
        seeds = [v.value + tf.cast(tf.stack([0, first + offset]), v.dtype) for v in self._seeds]

        def compute_shard(start, stop):
            rows = tf.ensure_shape(self._order[slice(*self._devices.shard(start, stop))], [size])
            batch = tf.nest.pack_sequence_as(self._structure, [
                None if array is None else tf.gather(self._devices.local_copy(array), rows)
                for array in self._arrays])
            if not self.jit_compile:
                return compute(seeds, *batch)
            specification = map_arrays(lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), batch)
            return tracing.trace(compute, [tf.TensorSpec(v.shape, v.dtype) for v in seeds], *specification,
                                 jit_compile=True)(seeds, *batch)

        with normalization_statistics(self.model, self.statistics, synchronized=self._devices.number > 1):
            parts = self._devices.total(self._devices.run(compute_shard, start, stop))
        return tuple(total + part for total, part in zip(totals, parts))

    def _loss_and_gradient(self, seeds, inputs, labels, weights):
        loss, gradients = self._differentiate(seeds, inputs, labels, weights)
        return loss, _concatenated(gradients)

    def _loss_and_product(self, seeds, inputs, labels, weights):
        # Backward over backward; forward over backward takes longer, see benchmarks/README.md.
        values = [v.value for v in self.variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape, tracing.twice_differentiable():
            tape.watch(values)
            loss, gradients = self._differentiate(seeds, inputs, labels, weights)
            slope = tf.add_n([tf.cast(tf.reduce_sum(tf.convert_to_tensor(g) * part), tf.float64)
                              for g, part in zip(gradients, self._parts(self._direction))])
        return loss, _concatenated(tape.gradient(slope, values, unconnected_gradients="zero"))

    def _differentiate(self, seeds, inputs, labels, weights):
        values = [v.value for v in self.variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            loss, _ = self._losses(seeds, inputs, labels, weights)
        return loss, tape.gradient(loss, values, unconnected_gradients="zero")

    def _loss_and_hits(self, seeds, inputs, labels, weights):
        loss, outputs = self._losses(seeds, inputs, labels, weights)
        return loss, number_right(labels, outputs)

    def _losses(self, seeds, inputs, labels, weights):
        with tracing.Evaluation(zip(self._seeds, seeds)):
            outputs = self.model(inputs, training=self.dropout_active)
            return self._loss(inputs, labels, outputs, weights), outputs


def _concatenated(gradients):
    """Returns gradients of variables as one vector, float64 [n]; that of an embedding comes in slices."""
    gradients = [tf.cast(tf.convert_to_tensor(g), tf.float64) for g in gradients]
    return tf.concat([tf.reshape(g, [-1]) for g in gradients], axis=0)
