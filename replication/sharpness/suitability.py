"""What a measurement asks of a model, which of its weights it perturbs, and whether XLA suits it."""

import contextlib
import fnmatch

import keras
import numpy as np
import tensorflow as tf

from models.normalization import BatchNormalization, batch_normalizations, check_statistics
from replication.errors import UserError

# XLA makes a pass of these layers a quarter faster on a CPU, and one of convolutions slower. It compiles F1 in half a
# second, which the passes of a measurement save from about this number of weights times examples on.
_LAYERS_FOR_XLA = (keras.layers.InputLayer, keras.layers.Dense, keras.layers.BatchNormalization, BatchNormalization,
                   keras.layers.Activation, keras.layers.ReLU, keras.layers.Softmax, keras.layers.Flatten)
_WORK_FOR_XLA = 2e10


def check_model(model, statistics="moving"):
    """Raises a UserError unless `model` is a built `keras.Model` whose normalizations can use `statistics`."""
    if keras.backend.backend() != "tensorflow":
        raise UserError(f"Keras runs on {keras.backend.backend()!r}; set KERAS_BACKEND=tensorflow")
    if not isinstance(model, keras.Model):
        raise UserError(f"model: expected a keras.Model of Keras 3, received {type(model).__name__}")
    if tf.distribute.has_strategy():
        raise UserError("within strategy.scope(): expected a call outside of it; the model may have been built within")
    if not model.built:
        raise UserError(f"model {model.name!r}: not built; call it once on a batch of inputs")
    layers = model._flatten_layers()
    if half := [layer for layer in layers if layer.compute_dtype in ("float16", "bfloat16")]:
        raise UserError(f"model {model.name!r}: layer {half[0].name!r} computes in {half[0].compute_dtype}; sharpness "
                        "needs at least float32; rounding would hide the rise that it looks for")
    if rounded := [layer for layer in layers if getattr(layer, "quantization_mode", None) is not None]:
        raise UserError(f"model {model.name!r}: layer {rounded[0].name!r} is quantized ({rounded[0].quantization_mode}"
                        "); measure the model before it is quantized")
    if stateful := [layer for layer in layers if isinstance(layer, keras.layers.RNN) and layer.stateful]:
        raise UserError(f"model {model.name!r}: layer {stateful[0].name!r} is stateful: its state would go from batch "
                        "to batch, so f would depend on their order; build it with stateful=False")
    if not model.trainable_variables:
        raise UserError(f"model {model.name!r}: has no trainable weights; there is nothing to perturb")
    try:
        check_statistics(model, statistics)
    except ValueError as error:
        raise UserError(str(error)) from None


@contextlib.contextmanager
def complete(model):
    """Raises a UserError at the end of a block if a call of `model` within it has made weights."""
    known = {id(v) for v in model.trainable_variables}
    yield
    if made := [v for v in model.trainable_variables if id(v) not in known]:
        raise UserError(f"model {model.name!r}: not built, a call of it makes weight {made[0].path!r}; call it once on "
                        "a batch of inputs before")


def check_weights(model):
    """Raises a UserError that names the first weight of `model` that holds NaN or, but for constants, infinity."""
    averages = _moving_averages(model)
    for variable in model.variables:
        if not tf.as_dtype(variable.dtype).is_floating:
            continue
        values = variable.numpy()
        # A constant such as a mask may hold -inf.
        changes = variable.trainable or any(variable is each for each in averages)
        right = np.isfinite(values) if changes else ~np.isnan(values)
        if not right.all():
            index = np.unravel_index(np.argmin(right), values.shape)
            where = f"[{', '.join(map(str, index))}]" if index else ""
            raise UserError(f"model {model.name!r}: weight {variable.path!r} is not finite: {where}={values[index]}"
                            .replace(": =", ": "))


def select_variables(model, variables=None):
    """Returns the trainable variables that a measurement perturbs, in the order of the model.

    Args:
        model: A `keras.Model`.
        variables: Some of its trainable variables; a pattern of their paths as in `fnmatch`, such as "*conv2d_1/*";
            or None (default) for all.

    Raises:
        UserError: one is no trainable variable of the model, or does not hold real numbers, none matches, or all are
            empty.
    """
    known = list(model.trainable_variables)
    if isinstance(variables, str):
        chosen = [v for v in known if fnmatch.fnmatchcase(v.path, variables)]
        if not chosen:
            raise UserError(f"variables={variables!r}: matches no trainable weight of model {model.name!r}; these are "
                            + ", ".join(v.path for v in known))
    elif variables is None:
        chosen = known
    else:
        if isinstance(variables, keras.Layer):
            raise UserError(f"variables: a layer, expected some of its weights: {variables.name}.trainable_variables")
        wanted = [variables] if isinstance(variables, keras.Variable) else list(variables)
        for variable in wanted:
            if all(variable is not v for v in known):
                raise UserError(f"variables: {getattr(variable, 'path', variable)!r} is no trainable weight of model "
                                f"{model.name!r}")
        chosen = [v for v in known if any(v is variable for variable in wanted)]
    if other := [v for v in chosen if not tf.as_dtype(v.dtype).is_floating]:
        raise UserError(f"model {model.name!r}: trainable weight {other[0].path!r} is {other[0].dtype}, and x consists "
                        "of floating-point numbers; make it trainable=False, or name the others in variables")
    if not sum(int(np.prod(v.shape)) for v in chosen):
        raise UserError(f"model {model.name!r}: has no trainable weights to perturb: "
                        + ("all are empty" if chosen else "variables is empty"))
    return chosen


def constant_variables(model, variables, statistics):
    """Returns the variables of `model` on which f may depend beside the `variables` that x consists of, as a list.

    With the statistics of the batch, the moving averages are none of them.
    """
    left_out = [*variables, *(_moving_averages(model) if statistics == "batch" else ())]
    return [v for v in model.variables if tf.as_dtype(v.dtype).is_floating and all(v is not each for each in left_out)]


def _moving_averages(model):
    return [v for layer in batch_normalizations(model) if layer.built
            for v in (layer.moving_mean, layer.moving_variance)]


def layer_parts(variables):
    """Returns which coordinates of x, made of `variables`, belong to each layer.

    Returns:
        A dictionary from the path of a layer to a slice. A layer whose variables do not follow one another, because it
        lies within another one, has a slice for each run of them, under its path with a number; so have layers of one
        path.
    """
    parts, start, last, paths = {}, 0, None, set()
    for variable in variables:
        path, stop = variable.path.rpartition("/")[0] or variable.path, start + int(np.prod(variable.shape))
        # Layers of two models may have one path: a variable that comes again is that of the next layer.
        if path == last and variable.path not in paths:
            name = next(reversed(parts))
            parts[name] = slice(parts[name].start, stop)
            paths.add(variable.path)
        else:
            paths = {variable.path}
            number = sum(name.partition(" ")[0] == path for name in parts)
            parts[path if not number else f"{path} ({number + 1})"] = slice(start, stop)
        start, last = stop, path
    return parts


def has_known_gradients(model):
    """Returns whether all of `model` are layers of Keras, or ours, so that it has no custom gradients by others.

    Operations of `keras.ops` between layers count as others': `stop_gradient` is one of them.
    """
    def is_known(thing):
        return type(thing).__module__.partition(".")[0] in ("keras", "models", "replication")

    def has_known_activations(layer):
        activations = (getattr(layer, name, None) for name in ("activation", "recurrent_activation"))
        return all(getattr(each, "__module__", "keras.").startswith("keras.") for each in activations)

    layers = list(model._flatten_layers(include_self=False))
    operations = [each for graph in (model, *layers) for each in getattr(graph, "operations", ())]
    return (is_known(model) and all(isinstance(each, keras.layers.Layer) for each in operations)
            and all(is_known(layer) and not isinstance(layer, keras.layers.Lambda) and has_known_activations(layer)
                    for layer in layers))


def permanently_moving(model, calls):
    """Returns the batch normalizations that use moving averages in training as well.

    They are frozen, or the model calls them with `training=False`, and are not told to use the batch even so.

    Args:
        model: A `keras.Model`.
        calls: The pairs of a layer and its argument `training` in a call of the model in training mode.
    """
    fixed = {id(layer) for layer, training in calls if training is False}
    return [layer for layer in batch_normalizations(model)
            if (not layer.trainable or id(layer) in fixed) and not uses_the_batch(layer)]


def uses_the_batch(layer):
    """Returns whether a batch normalization uses the statistics of the batch however it is called."""
    return isinstance(layer, BatchNormalization) and layer.statistics == "batch"


def gains_by_xla(model, size, devices):
    """Returns whether passes over `size` examples are faster with XLA on this machine, its compilation included.

    They are faster on a CPU if the model is a Sequential or functional Keras model of dense layers and the number of
    its weights times the number of examples is at least 2e10, as for F1 on MNIST. On GPUs it has not been measured, and
    XLA is off.
    """
    layers = model._flatten_layers(include_self=False)
    known = type(model).__module__.startswith("keras.") and all(
        type(layer) in _LAYERS_FOR_XLA and getattr(layer, "activation", keras.activations.linear).__module__.startswith(
            "keras.") for layer in layers)
    work = size * sum(v.shape.num_elements() for v in model.trainable_variables)
    return (known and devices.number == 1 and work >= _WORK_FOR_XLA
            and not tf.config.list_physical_devices("GPU"))
