"""The examples of a measurement, from arrays or from batches."""

import dataclasses
import itertools

import keras
import numpy as np
import tensorflow as tf

from replication import memory
from replication.data.arrays import as_numbers, check_finite
from replication.errors import UserError, one_line


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """The examples over which f is taken, all in memory.

    Attributes:
        inputs: What the model takes: an array [M, ...], or a list, a tuple or a dictionary of such.
        labels: What the loss takes, likewise.
        weights: The weights of the examples in the loss, float [M, ...]; None if all count alike.
    """

    inputs: object
    labels: object
    weights: np.ndarray | None = None

    def __post_init__(self):
        _check_sizes({"inputs": self.inputs, "labels": self.labels, "sample_weight": self.weights})

    @property
    def size(self):
        """The number of examples, M."""
        return len(tf.nest.flatten(self.inputs)[0])

    def rows(self, number):
        """Returns inputs, labels and weights of the first examples, at most `number` of them, each nested likewise."""
        return map_arrays(lambda array: array[:number], (self.inputs, self.labels, self.weights))


def map_arrays(function, *structures):
    """Applies a function to the arrays of structures of one form; where the first has None, the result has None."""
    return tf.nest.map_structure(lambda *arrays: None if arrays[0] is None else function(*arrays), *structures)


def read_examples(model, inputs, labels=None):
    """Reads the examples of a measurement.

    Args:
        model: A built `keras.Model`, which decides whether a list of arrays is one input or several.
        inputs: An array [M, ...]; a list, a tuple or a dictionary of arrays for a model of several inputs; or, with
            `labels=None`, batches: a `tf.data.Dataset`, a `keras.utils.PyDataset` or another iterable of pairs
            (inputs, labels) or triples (inputs, labels, sample_weight). Batches are read once.
        labels: An array [M, ...], or several for a model of several outputs.

    Returns:
        `Examples`.

    Raises:
        UserError: they are no such arrays, have different sizes, are not finite, or do not fit into memory.
    """
    if _are_batches(inputs, labels):
        if labels is not None:
            raise UserError(f"labels: expected none, because {type(inputs).__name__} gives them with the inputs")
        inputs, labels, weights = _read_batches(inputs)
        if len(getattr(model, "outputs", None) or ()) == 1:
            labels, weights = map(_only, (labels, weights))
        return Examples(inputs, labels, weights)
    if labels is None:
        raise UserError("labels: None, expected an array of what the loss takes, such as class numbers; zeros for a "
                        "loss that takes none")
    return Examples(_structure("inputs", inputs, getattr(model, "inputs", None)),
                    _structure("labels", labels, getattr(model, "outputs", None)))


def _only(values):
    """Returns the array in a list of one, and anything else as it is."""
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def _are_batches(inputs, labels):
    if isinstance(inputs, tf.data.Dataset | keras.utils.PyDataset):
        return True
    if isinstance(inputs, list | tuple):
        return labels is None and bool(inputs) and all(
            isinstance(batch, tuple) and len(batch) in (2, 3) for batch in inputs)
    is_array = isinstance(inputs, dict | str | bytes) or hasattr(inputs, "__array__") or hasattr(inputs, "shape")
    return not is_array and (hasattr(inputs, "__iter__") or hasattr(inputs, "__getitem__"))


def _structure(name, values, tensors=None):
    """Returns arrays in the structure of `values`; `tensors` are a model's inputs or outputs, None if unknown."""
    if isinstance(values, dict):
        return {key: as_numbers(f"{name}[{key!r}]", each) for key, each in values.items()}
    if isinstance(values, list | tuple) and _are_several(values, tensors):
        arrays = [as_numbers(f"{name}[{i}]", each) for i, each in enumerate(values)]
        # A model of one input takes a list of one array as that array.
        return arrays[0] if tensors and len(tensors) == 1 else arrays
    return as_numbers(name, values)


def _are_several(values, tensors):
    if not values or not all(hasattr(each, "shape") and len(each.shape) for each in values):
        return False
    if tensors is None or len(tensors) > 1:
        return True
    return len(values) == 1 and len(values[0].shape) == len(tensors[0].shape)


def _read_batches(batches):
    """Returns inputs, labels and weights of all batches, each an array or a structure of arrays."""
    number, read, size = _number(batches), [], 0
    for index, batch in enumerate(itertools.islice(iter(_sequence(batches)), number)):
        read.append(_read_batch(batch, f"batch {index}"))
        size += sum(array.nbytes for array in tf.nest.flatten(read[-1]) if array is not None)
        # All batches are in memory twice for a moment, when they are joined.
        needed = size if number is None else 2 * size * number // (index + 1) - size
        if needed > (room := memory.available()):
            raise UserError(f"inputs: the batches take {'more than ' if number is None else 'about '}"
                            f"{(size + needed) / 1e9:.1f} GB in memory, and {room / 1e9:.1f} GB are available; "
                            "give a part of them")
    if not read:
        raise UserError("inputs: there are no batches")
    if len({weights is None for *_, weights in read}) > 1:
        raise UserError("sample_weight: some batches have it and some have none; expected all or none")
    try:
        return map_arrays(lambda *arrays: np.concatenate(arrays), *read)
    except (TypeError, ValueError) as error:
        raise UserError(f"inputs: the batches do not fit together ({one_line(error)}); sequences of "
                        "different lengths need padding") from None


def _number(batches):
    """Returns how many batches there are, None if that is not known."""
    if isinstance(batches, tf.data.Dataset):
        number = int(batches.cardinality())
        if number == tf.data.INFINITE_CARDINALITY:
            raise UserError("inputs: a dataset without end; take(number) ends it")
        return None if number < 0 else number
    if isinstance(batches, keras.utils.PyDataset):
        number = batches.num_batches
        if number is None:
            raise UserError("inputs: a PyDataset without end; its num_batches is None")
        return number
    # An iterable may have a length in name only.
    try:
        return len(batches)
    except TypeError:
        return None


def _sequence(batches):
    # A PyDataset has no end of its own.
    return (batches[i] for i in itertools.count()) if isinstance(batches, keras.utils.PyDataset) else batches


def _read_batch(batch, name):
    if not isinstance(batch, list | tuple) or len(batch) not in (2, 3):
        raise UserError(f"inputs, {name}: expected a pair (inputs, labels) or a triple with sample_weight, received "
                        f"{type(batch).__name__}; labels can be given apart for arrays only")
    inputs, labels, weights = (*batch, None)[:3]

    def read(what, values):
        if isinstance(values, dict):
            return {key: read(f"{what}[{key!r}]", each) for key, each in values.items()}
        if isinstance(values, list | tuple):
            return [read(f"{what}[{i}]", each) for i, each in enumerate(values)]
        array = as_numbers(f"{what} of {name}", values)
        if array.ndim == 0:
            raise UserError(f"{what} of {name}: a single number; expected batches, which batch(size) makes")
        return array

    return read("inputs", inputs), read("labels", labels), None if weights is None else read("sample_weight", weights)


def _check_sizes(parts):
    sizes = {}
    for name, part in parts.items():
        for array in tf.nest.flatten(part):
            if array is None:
                continue
            if array.ndim == 0:
                raise UserError(f"{name}: shape (), expected at least one example, [N, ...]")
            check_finite(array, name)
            sizes.setdefault(name, len(array))
            if len(array) != sizes["inputs"]:
                raise UserError(f"{name}: {len(array)} for {sizes['inputs']} inputs, expected one for each input")
    if not sizes["inputs"]:
        raise UserError("inputs: there are no examples")
