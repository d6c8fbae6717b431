"""f, the mean cross-entropy of a model over a whole data set, and its gradient, as functions of x."""

import contextlib
import functools
import itertools

import keras
import numpy as np
import tensorflow as tf

from models.normalization import BatchNormalization, check_statistics, normalization_statistics
from replication import memory
from replication.data import check_examples, partition
from replication.devices import OneDevice
from replication.errors import UserError
from replication.weights import flatten_weights

# XLA makes a pass of these layers a quarter faster on a CPU, and one of convolutions slower. It compiles F1 in half a
# second, which the passes of a measurement save from about this number of weights times examples on.
_LAYERS_FOR_XLA = (keras.layers.InputLayer, keras.layers.Dense, keras.layers.BatchNormalization, BatchNormalization,
                   keras.layers.Activation, keras.layers.ReLU, keras.layers.Softmax, keras.layers.Flatten)
_WORK_FOR_XLA = 2e10


class Objective:
    """f(x) over all M examples, for x in R^n the flattened trainable weights of a model.

    The set is passed in equal batches of at most `batch_size`, a fixed seeded random partition. Forward and backward
    run in the model's own dtype inside a function that is compiled once and called for each batch, so that an interrupt
    ends a pass between two batches; losses and gradients are accumulated in float64, on the device. The
    model is never written to: a call replaces its weights by x for its own duration and drops all updates.

    Args:
        model: A built `keras.Model` from inputs to class probabilities, or logits, [batch, classes].
        inputs: Array [M, ...].
        labels: Whole numbers [M] or [M, 1] in 0 ... classes - 1.
        statistics: Statistics that every batch normalization uses: "batch" (default) or "moving".
        batch_size: Upper bound of a batch, default 5,000; M is split as evenly as possible. "all" for one batch.
        dropout_active: Whether the model is called in training mode: dropout is active, with masks that the seeds of
            its layers and the batch decide, so that f remains a function of x. False (default) for evaluation mode.
        from_logits: Whether the model returns logits; False (default) for probabilities.
        seed: Seed of the partition, default 0.
        devices: The devices, see `devices.devices`; each passes a part of every batch, and all normalize by the
            statistics of the whole batch, so that f is the same. None (default) for one device.
        jit_compile: Whether XLA compiles the passes, once for each size of a batch. By default it does for large
            passes of dense layers on a CPU, see `gains_by_xla`.

    Attributes:
        x: The model's weights when the objective was made, or at the last `reread`, float64 [n].
        size: The number of examples, M.
        passes: The number of passes over the data so far.
        jit_compile: Whether XLA compiles them.

    Raises:
        UserError: the model, inputs or labels do not fit; the message says which and why.
    """

    def __init__(self, model, inputs, labels, *, statistics="batch", batch_size=5000,
                 dropout_active=False, from_logits=False, seed=0, devices=None, jit_compile=None):
        check_model(model, statistics)
        classes = count_classes(model, inputs, from_logits=from_logits)
        inputs, labels = check_examples(inputs, labels, classes)
        self._devices = devices or OneDevice()
        self._model = model
        self._statistics = statistics
        self._from_logits = from_logits
        self._training = dropout_active
        self._variables = list(model.trainable_variables)
        self._seeds = [v for v in model.variables if "seed_generator" in v.path] if dropout_active else []
        self._sizes = [int(np.prod(v.shape)) for v in self._variables]
        self.size = len(inputs)
        batch_size = self.size if batch_size == "all" else batch_size
        self.passes = 0
        order, bounds = partition(self.size, batch_size, seed)
        self._order = tf.constant(order)
        self._bounds = bounds.tolist()
        self._largest_batch = self._devices.rows_per_memory(int(bounds[1]))
        self._fitting_passes = set()
        self._inputs = self._devices.to_device(inputs)
        self._labels = self._devices.to_device(labels)
        self.x = flatten_weights(model)
        self.jit_compile = gains_by_xla(model, self.size, self._devices) if jit_compile is None else jit_compile
        scalar, gradient = tf.TensorSpec([], tf.float64), tf.TensorSpec([len(self.x)], tf.float64)
        self._add_gradient = self._compiled(self._loss_and_gradient, (scalar, gradient))
        self._add_accuracy = self._compiled(self._loss_and_hits, (scalar, scalar))

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
        for start, stop in itertools.pairwise(self._bounds):
            totals = add(stop - start)(tf.constant(start), tf.constant(stop), weights, totals)
        return tuple(total / self.size for total in totals)

    @contextlib.contextmanager
    def _fitting(self, *, backward):
        # A pass like one that fitted will fit again, while memory that TensorFlow keeps would look taken.
        if backward in self._fitting_passes:
            yield
            return
        with memory.guard(self._model, self._largest_batch, backward=backward):
            yield
        self._fitting_passes |= {backward, False}

    def _compiled(self, compute, totals):
        """Returns a function from the size of a batch to the function that adds the sums of such a batch to totals.

        XLA needs one for each size; partitions have two sizes at most. Without XLA one serves all sizes.

        Args:
            compute: Function from weights, the state of random generators, inputs and labels to two sums over them.
            totals: The specifications of the two sums.
        """
        compute = tf.function(compute, autograph=False, jit_compile=True) if self.jit_compile else compute
        row = tf.TensorSpec([], tf.int32)
        signature = [row, row, [tf.TensorSpec(v.shape, v.dtype) for v in self._variables], totals]

        @functools.cache
        def add(size):
            return tf.function(functools.partial(self._add, compute, size), input_signature=signature, autograph=False)

        return add if self.jit_compile else lambda size: add(None)

    def _add(self, compute, size, start, stop, weights, totals):
        """Adds the two sums that `compute` returns for each device's shard of a batch to `totals`."""
        # Each batch has masks of its own, the same in each pass.
        seeds = [v.value + tf.cast(tf.stack([0, start]), v.dtype) for v in self._seeds]

        def compute_shard(start, stop, weights):
            rows = self._order[slice(*self._devices.shard(start, stop))]
            rows = tf.ensure_shape(rows, [size])
            return compute(weights, seeds, tf.gather(self._devices.local_copy(self._inputs), rows),
                           tf.gather(self._devices.local_copy(self._labels), rows))

        with normalization_statistics(self._model, self._statistics, synchronized=self._devices.number > 1):
            parts = self._devices.total(self._devices.run(compute_shard, start, stop, weights))
        return tuple(total + part for total, part in zip(totals, parts))

    def _loss_and_gradient(self, weights, seeds, inputs, labels):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            losses, _ = self._losses(weights, seeds, inputs, labels)
            batch_loss = tf.reduce_sum(losses)
        gradients = tape.gradient(batch_loss, weights, unconnected_gradients="zero")
        flat = tf.concat([tf.reshape(tf.cast(g, tf.float64), [-1]) for g in gradients], axis=0)
        return tf.reduce_sum(tf.cast(losses, tf.float64)), flat

    def _loss_and_hits(self, weights, seeds, inputs, labels):
        losses, outputs = self._losses(weights, seeds, inputs, labels)
        right = tf.equal(tf.argmax(outputs, axis=-1, output_type=tf.int32), labels)
        return tf.reduce_sum(tf.cast(losses, tf.float64)), tf.reduce_sum(tf.cast(right, tf.float64))

    def _losses(self, weights, seeds, inputs, labels):
        state = [*zip(self._variables, weights), *zip(self._seeds, seeds)]
        with _Evaluation(state_mapping=state) as evaluation:
            outputs = self._model(inputs, training=self._training)
        if not self._training:
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


def gains_by_xla(model, size, devices):
    """Returns whether passes over `size` examples are faster with XLA on this machine, its compilation included.

    They are on a CPU if the model is one of Keras's stacks or graphs of dense layers, and the number of its weights
    times that of the examples is at least 2e10, as for F1 on MNIST. On GPUs it has not been measured, and XLA is off.
    """
    layers = model._flatten_layers(include_self=False)
    known = type(model).__module__.startswith("keras.") and all(
        type(layer) in _LAYERS_FOR_XLA and getattr(layer, "activation", keras.activations.linear).__module__.startswith(
            "keras.") for layer in layers)
    work = size * sum(v.shape.num_elements() for v in model.trainable_variables)
    return (known and devices.number == 1 and work >= _WORK_FOR_XLA
            and not tf.config.list_physical_devices("GPU"))


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
