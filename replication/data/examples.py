"""A data set as arrays, the checks of inputs and labels, and the partition into batches for evaluation."""

import dataclasses

import numpy as np

from replication import catalog
from replication.data.arrays import as_numbers, check_classes, check_finite
from replication.errors import UserError, is_whole, require
from replication.files import array_checksum


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """A data set in memory, or in read-only memory maps.

    Attributes:
        name: A key of `catalog.DATASETS`.
        train_inputs, test_inputs: float32 [N, *input_shape], pixels in [0, 1].
        train_labels, test_labels: int32 [N], values 0 ... classes - 1.
        fingerprint: SHA-256 of the four arrays, in hexadecimal.
        resolved: The resolved `catalog.Dataset`, which has all sizes of the data.
        details: Dictionary of the choices that were made in the preparation; records store it.
    """

    name: str
    train_inputs: np.ndarray
    train_labels: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray
    fingerprint: str
    resolved: catalog.Dataset
    details: dict

    def training_examples(self, examples=None, seed=0):
        """Returns the inputs and labels of the training set, or of a seeded random choice of that many examples.

        Raises:
            UserError: the training set has fewer.
        """
        if examples in (None, len(self.train_labels)):
            return self.train_inputs, self.train_labels
        rows = choose(len(self.train_labels), examples, seed)
        return self.train_inputs[rows], self.train_labels[rows]

    @classmethod
    def from_arrays(cls, name, arrays, *, fingerprint=None, resolved=None, details=None):
        """Checks arrays and returns them as a data set.

        Args:
            name: A key of `catalog.DATASETS`.
            arrays: train_inputs, train_labels, test_inputs, test_labels; labels become int32 [N].
            fingerprint: The fingerprint of the arrays if it is known; by default it is computed.
            resolved: The resolved `catalog.Dataset`; by default the entry of `DATASETS`, which must be resolved then.
            details: The choices of the preparation; by default none.

        Raises:
            UserError: the arrays do not have the sizes and shapes of the data set, or `check_examples` fails.
        """
        train_inputs, train_labels, test_inputs, test_labels = arrays
        expected, checked = resolved or catalog.DATASETS[name], []
        for split, inputs, labels, size in (
            ("training", train_inputs, train_labels, expected.training_size),
            ("test", test_inputs, test_labels, expected.test_size),
        ):
            shape = (size, *expected.input_shape)
            if inputs.shape != shape:
                raise UserError(f"{name}, {split} set: inputs of shape {inputs.shape}, expected {shape}")
            try:
                checked += check_examples(inputs, labels, expected.classes)
            except UserError as error:
                raise UserError(f"{name}, {split} set: {error}") from None
        return cls(name, *checked, fingerprint=fingerprint or array_checksum(*checked), resolved=expected,
                   details=details or {})

    @property
    def arrays(self):
        """The arrays train_inputs, train_labels, test_inputs and test_labels."""
        return self.train_inputs, self.train_labels, self.test_inputs, self.test_labels

    def to_json(self):
        """Returns what a record stores about the data, as a JSON-ready dictionary."""
        stored = {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "training_size": len(self.train_labels),
            "test_size": len(self.test_labels),
        }
        if catalog.DATASETS[self.name].classes is None:
            stored["classes"] = self.resolved.classes
        if self.resolved.synthetic:
            stored["synthetic"] = True
        return stored | ({"details": self.details} if self.details else {})

    def check_run(self, run):
        """Raises a UserError unless a `configuration.Run` has the number of classes and a batch size of these data."""
        catalog.require_batch_size("batch_size", run.batch_size, self.resolved)
        classes = catalog.open_classes(self.name, self.resolved)
        require(run.classes == classes, "classes", run.classes,
                f"{classes}, the number of classes of the prepared {self.name}")


def choose(size, examples, seed=0):
    """Chooses `examples` of `size` examples at random; returns their sorted indices, int64 [examples].

    Raises:
        UserError: `examples` is larger than `size`.
    """
    require(examples <= size, "examples", examples, f"at most {size}, the size of the training set")
    return np.sort(np.random.default_rng(seed).permutation(size)[:examples]).astype(np.int64, copy=False)


def partition(size, batch_size, seed=0):
    """Divides `size` examples at random into batches of equal size, as far as possible.

    Without the random order, a set sorted by class would give batches with unusual statistics, and so would a small
    last batch.

    Args:
        size: Number of examples M, at least 1.
        batch_size: Upper bound of the size of a batch, at least 1.
        seed: Whole number of at least 0, default 0; the same seed gives the same partition.

    Returns:
        permutation: int64 [size], the indices of the examples in the order of evaluation.
        boundaries: int64 [k + 1] with k = ceil(size / batch_size). Batch j consists of the examples
            permutation[boundaries[j]:boundaries[j + 1]]. Sizes differ by at most one, larger batches first.

    Raises:
        UserError: an argument is out of range; the message names it.
    """
    for name, value, least in (("size", size, 1), ("batch_size", batch_size, 1), ("seed", seed, 0)):
        require(is_whole(value, least), name, value, f"a whole number of at least {least}")
    batches = -(-size // batch_size)
    smaller, larger = divmod(size, batches)
    sizes = np.full(batches, smaller, dtype=np.int64)
    sizes[:larger] += 1
    permutation = np.random.default_rng(seed).permutation(size).astype(np.int64, copy=False)
    return permutation, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64, copy=False)


def check_examples(inputs, labels, classes):
    """Checks that inputs and labels are valid for training and measurements.

    Args:
        inputs: Finite numbers [N, ...] with N at least 1. They are not copied.
        labels: Whole numbers of shape [N] or [N, 1], values 0 ... classes - 1.
        classes: Number of classes.

    Returns:
        The inputs as an array, and the labels as an int32 [N] array.

    Raises:
        UserError: an input or a label is not valid; the message holds the index of the first one.
    """
    inputs, labels = as_numbers("inputs", inputs), as_numbers("labels", labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise UserError(f"labels: shape {labels.shape}, expected [N] or [N, 1]; "
                        "numpy.argmax(labels, axis=-1) makes class numbers of one-hot rows")
    if inputs.ndim == 0 or len(inputs) == 0:
        raise UserError(f"inputs: shape {inputs.shape}, expected at least one example, [N, ...]")
    if len(inputs) != len(labels):
        raise UserError(f"labels: {len(labels)} for {len(inputs)} inputs, expected one label for each input")
    check_classes(labels, classes)
    check_finite(inputs)
    return inputs, labels.astype(np.int32, copy=False)
