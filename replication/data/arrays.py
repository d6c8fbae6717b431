"""Checks of the arrays that a user gives: their kind, their classes, and that they are finite."""

import numpy as np
import scipy.sparse

from replication.errors import UserError

# Elements that are tested for NaN at once, which bounds the memory of the test.
_CHUNK = 1 << 20
# Kinds of values that are not arrays: a method that only they have, their name, and how to convert them.
_CONVERSIONS = (("to_tensor", "a ragged tensor", "to_tensor() pads it"),
                ("dense_shape", "a sparse tensor", "tf.sparse.to_dense makes an array of it"))


def as_numbers(name, values):
    """Returns `values` as an array of real numbers; a memory map stays a memory map.

    Raises:
        UserError: they are None, masked, sparse, ragged, or no numbers; the message begins with `name`.
    """
    expected = f"expected an array of {'whole' if name == 'labels' else 'real'} numbers"
    if values is None:
        raise UserError(f"{name}: None, {expected}")
    if isinstance(values, np.ma.MaskedArray):
        raise UserError(f"{name}: a masked array, {expected}; leave the masked examples out")
    if scipy.sparse.issparse(values):
        raise UserError(f"{name}: a sparse matrix, {expected}; toarray() makes an array of it")
    for method, kind, remedy in _CONVERSIONS:
        if hasattr(values, method):
            raise UserError(f"{name}: {kind}, {expected}; {remedy}")
    try:
        array = np.asanyarray(values)
    except (TypeError, ValueError):
        raise UserError(f"{name}: not an array (rows of unequal length?), {expected}") from None
    if array.dtype.kind not in "iuf":
        kind = f"a {type(values).__name__}" if array.dtype == object and array.ndim == 0 else f"type {array.dtype}"
        raise UserError(f"{name}: {kind}, {expected}")
    return array


def check_classes(labels, classes):
    """Raises a UserError unless all `labels` are whole numbers in 0 ... classes - 1; it names the first other one."""
    for offends, expected in (
        (labels != np.rint(labels), "a whole number"),
        ((labels < 0) | (labels >= classes), f"0 to {classes - 1}, one of {classes} classes counted from 0"),
    ):
        if offends.any():
            index = np.unravel_index(np.argmax(offends), offends.shape)
            raise UserError(f"labels[{', '.join(map(str, index))}]={labels[index].item()}: expected {expected}")


def check_finite(array, name="inputs"):
    """Raises a UserError if an element of an array [N, ...] is NaN or infinite; it names the first one."""
    if array.dtype.kind != "f":
        return
    rows = max(1, _CHUNK * len(array) // max(1, array.size))
    for start in range(0, len(array), rows):
        finite = np.isfinite(array[start:start + rows])
        if not finite.all():
            index = np.unravel_index(np.argmin(finite), finite.shape)
            where = (int(index[0]) + start, *map(int, index[1:]))
            raise UserError(f"{name}[{', '.join(map(str, where))}]={array[where].item()}: expected a "
                            "finite number; correct or leave out that example")
