"""Examples as arrays: a whole data set, and the check that inputs and labels are usable."""

import dataclasses

import numpy as np

from replication import catalog, errors
from replication.errors import UserError
from replication.files import array_checksum

# Elements tested for NaN at a time: bounds the memory of the check.
_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """A data set in memory, or mapped into it read-only.

    Attributes:
        name: A key of `catalog.DATASETS`.
        train_inputs, test_inputs: float32 [N, *input_shape], pixels in [0, 1].
        train_labels, test_labels: int32 [N], values 0 ... classes - 1.
        fingerprint: SHA-256 of the four arrays, in hexadecimal.
        description: Its `catalog.Dataset`, with nothing left open.
        details: How it was prepared, as far as that is a choice; goes into records.
    """

    name: str
    train_inputs: np.ndarray
    train_labels: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray
    fingerprint: str
    description: catalog.Dataset
    details: dict

    @classmethod
    def from_arrays(cls, name, arrays, *, fingerprint=None, description=None, details=None):
        """The data set of checked arrays.

        Args:
            name: A key of `catalog.DATASETS`.
            arrays: train_inputs, train_labels, test_inputs, test_labels.
            fingerprint: That of the arrays where it is known already; None computes it.
            description: Needed where `DATASETS` leaves something open; None takes that of `DATASETS`.
            details: As in the attributes; None for none.

        Raises:
            UserError: sizes or shapes are not those of the data set, or `check_examples` objects.
        """
        train_inputs, train_labels, test_inputs, test_labels = arrays
        expected = description or catalog.DATASETS[name]
        for split, inputs, labels, size in (
            ("training", train_inputs, train_labels, expected.training_size),
            ("test", test_inputs, test_labels, expected.test_size),
        ):
            shape = (size, *expected.input_shape)
            if inputs.shape != shape:
                raise UserError(f"{name}, {split} set: inputs of shape {inputs.shape}, expected {shape}")
            try:
                check_examples(inputs, labels, expected.classes)
            except UserError as error:
                raise UserError(f"{name}, {split} set: {error}") from None
        return cls(name, *arrays, fingerprint=fingerprint or array_checksum(*arrays), description=expected,
                   details=details or {})

    @property
    def arrays(self):
        """train_inputs, train_labels, test_inputs, test_labels."""
        return self.train_inputs, self.train_labels, self.test_inputs, self.test_labels

    def to_json(self):
        """What a record stores of the data: name, fingerprint, sizes, and what is particular to the set."""
        stored = {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "training_size": len(self.train_labels),
            "test_size": len(self.test_labels),
        }
        if catalog.DATASETS[self.name].classes is None:
            stored["classes"] = self.description.classes
        if self.description.synthetic:
            stored["synthetic"] = True
        return stored | ({"details": self.details} if self.details else {})

    def check_run(self, run):
        """Raises a UserError unless a `configuration.Run` was resolved for data of this size."""
        catalog.require_batch_size("batch_size", run.batch_size, self.description)
        own = catalog.open_classes(self.name, self.description)
        errors.require(run.classes == own, "classes", run.classes,
                              f"{own}, the number of classes of the prepared {self.name}")


def check_examples(inputs, labels, classes):
    """Checks that inputs and labels can be trained and measured on.

    Args:
        inputs: Finite numbers [N, ...], N at least 1. They are not copied.
        labels: Whole numbers of shape [N] or [N, 1], values 0 ... classes - 1.
        classes: Number of classes.

    Returns:
        inputs as an array, and labels as an int32 [N] array.

    Raises:
        UserError: what is wrong, the index of the first offender, and what would be right.
    """
    inputs, labels = _as_numbers("inputs", inputs), _as_numbers("labels", labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise UserError(f"labels: shape {labels.shape}, expected [N] or [N, 1]; "
                        "numpy.argmax(labels, axis=-1) makes class numbers of one-hot rows")
    if inputs.ndim == 0 or len(inputs) == 0:
        raise UserError(f"inputs: shape {inputs.shape}, expected at least one example, [N, ...]")
    if len(inputs) != len(labels):
        raise UserError(f"labels: {len(labels)} for {len(inputs)} inputs, expected one label for each input")
    _check_classes(labels, classes)
    _check_finite(inputs)
    return inputs, labels.astype(np.int32, copy=False)


def _as_numbers(name, values):
    try:
        # A subclass is kept, so that a memory-mapped array stays recognizable as one.
        array = np.asanyarray(values)
    except (TypeError, ValueError):
        raise UserError(f"{name}: not an array (rows of unequal length?), expected an array "
                        "of numbers") from None
    if array.dtype.kind not in "iuf":
        raise UserError(f"{name}: type {array.dtype}, expected an array of "
                        f"{'whole' if name == 'labels' else 'real'} numbers")
    return array


def _check_classes(labels, classes):
    for offends, expected in (
        (labels != np.rint(labels), "a whole number"),
        ((labels < 0) | (labels >= classes), f"0 to {classes - 1}, one of {classes} classes counted from 0"),
    ):
        if offends.any():
            index = int(np.argmax(offends))
            raise UserError(f"labels[{index}]={labels[index].item()}: expected {expected}")


def _check_finite(inputs):
    if inputs.dtype.kind != "f":
        return
    rows = max(1, _CHUNK * len(inputs) // max(1, inputs.size))
    for start in range(0, len(inputs), rows):
        finite = np.isfinite(inputs[start:start + rows])
        if not finite.all():
            index = np.unravel_index(np.argmin(finite), finite.shape)
            where = (int(index[0]) + start, *map(int, index[1:]))
            raise UserError(f"inputs[{', '.join(map(str, where))}]={inputs[where].item()}: expected a "
                            "finite number; mend or leave out that example")
