"""Calls of a user's model within a compiled function that leave no mark on the model."""

import contextlib
import itertools
import re

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.ops import gen_image_ops

from replication.devices import full_precision
from replication.errors import MeasurementFailedError, one_line

_ASSIGNMENT = re.compile("Assign.*VariableOp|ResourceScatter.*|ResourceStridedSliceAssign")


class Evaluation(keras.StatelessScope):
    """A scope in which calls of a model change no variable, and which notices what they would have changed.

    Variables are read as they are, so that a tape sees the reads of every layer, whichever way it takes.

    Args:
        seeds: Pairs of a random generator's state variable and the tensor that replaces it. Default: none.

    Attributes:
        updates: The variables that a call would have changed, as a list without repetitions.
    """

    def __init__(self, seeds=()):
        super().__init__(state_mapping=seeds, collect_losses=True)
        self.updates = []

    def add_update(self, update):
        if all(update[0] is not variable for variable in self.updates):
            self.updates.append(update[0])
        super().add_update(update)

    def get_current_value(self, variable):
        # Keras asks the scope for the weights of its regularizers, whether the scope replaces them or not.
        return self.state_mapping.get(id(variable), variable._value)

    @property
    def advanced_seeds(self):
        """The state variables of the random generators that a call has drawn from."""
        return [v for v in self.updates if tf.as_dtype(v.dtype).is_integer and v.shape == (2,)]


@contextlib.contextmanager
def naming_missing_derivatives(model):
    """Turns an error about an operation without a derivative, within a block, into a MeasurementFailedError."""
    try:
        yield
    except (LookupError, tf.errors.NotFoundError) as error:
        # Others have the same types, such as those of cuDNN.
        if "gradient" not in str(error).lower():
            raise
        raise MeasurementFailedError(f"model {model.name!r}: TensorFlow has no derivative, or no second one, of one of "
                                     f"its operations: {one_line(error)}") from None


@contextlib.contextmanager
def inlined_functions():
    """Makes a trace pass through the Python code of every `tf.function` that it calls.

    A model may contain functions of its own. Their cached graphs hold the batch normalization of earlier calls, and a
    graph that they make within a trace refers to tensors of that trace, of which later calls know nothing.
    """
    kind = type(tf.function(lambda: None))
    call, context = kind.__call__, tf.__internal__.autograph.control_status_ctx()

    def inline(function, *args, **kwargs):
        if not tf.inside_function():
            return call(function, *args, **kwargs)
        if not getattr(function, "_autograph", True):
            return function.python_function(*args, **kwargs)
        # The functions that surround it are traced without AutoGraph, which theirs may need.
        with type(context)(status=type(context.status).UNSPECIFIED):
            return tf.__internal__.autograph.tf_convert(function.python_function, context)(*args, **kwargs)

    kind.__call__ = inline
    try:
        yield
    finally:
        kind.__call__ = call


@contextlib.contextmanager
def twice_differentiable():
    """Gives two operations of TensorFlow a right second derivative in a trace.

    `tf.nn.moments`, which Keras's normalizations call, takes the variance as the mean of (x - stop_gradient(mean))^2.
    The first derivative is right, because what it leaves out adds up to 0; the second is not. The gradient of bilinear
    resizing, which is linear, has no derivative, and tapes take it for 0.
    """
    moments, resized = tf.nn.moments, gen_image_ops.resize_bilinear_grad

    def exact(x, axes, shift=None, keepdims=False, name=None):
        mean = tf.reduce_mean(x, axes, keepdims=True)
        variance = tf.reduce_mean(tf.square(x - mean), axes, keepdims=keepdims)
        return mean if keepdims else tf.squeeze(mean, axes), variance

    def differentiable(grads, original_image, align_corners=False, half_pixel_centers=False, name=None):
        choices = {"align_corners": align_corners, "half_pixel_centers": half_pixel_centers}

        @tf.custom_gradient
        def compute(grads):
            return (resized(grads, original_image, name=name, **choices),
                    lambda upstream: tf.raw_ops.ResizeBilinear(images=upstream, size=tf.shape(grads)[1:3], **choices))

        return compute(grads)

    tf.nn.moments, gen_image_ops.resize_bilinear_grad = exact, differentiable
    try:
        yield
    finally:
        tf.nn.moments, gen_image_ops.resize_bilinear_grad = moments, resized


def trace(function, *signature, jit_compile=None):
    """Traces a function once.

    Args:
        function: Python function of tensors.
        *signature: `tf.TensorSpec`s of its arguments, nested.
        jit_compile: Whether XLA compiles it; None (default) for no.

    Returns:
        The concrete function. Getting it, and not calling a `tf.function`, has TensorFlow not count it as a retracing.
    """
    def named(*arguments):
        # A model's name may begin with an underscore, which no outermost name in a graph may.
        with tf.name_scope("f"):
            return function(*arguments)

    with inlined_functions():
        return tf.function(named, autograph=False, jit_compile=jit_compile).get_concrete_function(*signature)


def evaluate(model, inputs):
    """Returns the outputs of a model for inputs, without a mark on the model."""
    def call(inputs):
        with Evaluation():
            return model(inputs, training=False)

    traced = trace(call, tf.nest.map_structure(lambda array: tf.TensorSpec(array.shape, array.dtype), inputs))
    with full_precision():
        return traced(inputs)


def variables_read(traced, variables):
    """Returns those of Keras `variables` that a concrete function reads."""
    captured = {id(external) for external, _ in traced.graph.captures}
    return [v for v in variables if any(id(handle) in captured for handle in _handles(v))]


def assignments(traced):
    """Returns the names of the operations of a concrete function, and of those it calls, that change a variable."""
    graph = traced.graph.as_graph_def()
    nodes = itertools.chain(graph.node, *(function.node_def for function in graph.library.function))
    return [node.name for node in nodes if _ASSIGNMENT.fullmatch(node.op)]


def least_precise_dtype(traced, variables):
    """Returns the least precise floating-point dtype of all tensors that depend on Keras `variables`, of NumPy.

    It is that of the operations, whatever dtype the layers are declared with.

    Args:
        traced: A concrete function that reads them.
        variables: Keras variables.
    """
    handles = {id(handle) for v in variables for handle in _handles(v)}
    pending = [internal for external, internal in traced.graph.captures if id(external) in handles]
    seen, found = {id(tensor) for tensor in pending}, set()
    while pending:
        for operation in pending.pop().consumers():
            for output in operation.outputs:
                # What is made of shapes, which are whole numbers, does not depend on values.
                if output.dtype.is_floating and id(output) not in seen:
                    seen.add(id(output))
                    found.add(np.dtype(output.dtype.as_numpy_dtype))
                    pending.append(output)
    return min(found, key=lambda dtype: dtype.itemsize, default=np.dtype(np.float32))


def _handles(variable):
    value = variable.value
    return [part.handle for part in getattr(value, "values", (value,))]
