"""The paper's table 1: the data sets, and the networks with the data set of each."""

import dataclasses
import math

from replication.errors import is_finite, is_whole, require, require_name

ARCHITECTURES = ("released", "text")


@dataclasses.dataclass(frozen=True)
class Dataset:
    """The sizes and shapes of a data set, known before its examples are loaded.

    A dataset is resolved if no field is None; `data.describe` returns the resolved dataset of prepared data.

    Attributes:
        training_size, test_size: Numbers of examples; None if only the prepared data can tell.
        input_shape: Shape of one input, without the batch dimension.
        classes: Number of classes; labels are 0 ... classes - 1. None if only the prepared data can tell.
        synthetic: Whether a generator made the data; reports then mark the name of the data set.
        part_of: The larger data set that it is taken from, which reports name; None if it is whole.
    """

    training_size: int | None
    test_size: int | None
    input_shape: tuple
    classes: int | None
    synthetic: bool = False
    part_of: str | None = None

    def resolve(self, *, training_size=None, test_size=None, classes=None):
        """Returns the dataset with each field that is None replaced by the argument of the same name."""
        given = {"training_size": training_size, "test_size": test_size, "classes": classes}
        return dataclasses.replace(self, **{name: value for name, value in given.items()
                                            if getattr(self, name) is None})


@dataclasses.dataclass(frozen=True)
class Network:
    """A row of the paper's table 1: a network's data set, and the shape in which the paper builds the network.

    Attributes:
        name: The network's name in the paper.
        dataset: Name of its data set.
        input_shape: Shape of one input, without the batch dimension.
        classes: Number of classes.
        architectures: If the paper's text and the authors' code build different networks, the names of both, the
            default first; otherwise empty.
        dropout: Whether the network has dropout layers.
    """

    name: str
    dataset: str
    input_shape: tuple
    classes: int
    architectures: tuple = ()
    dropout: bool = False

    @property
    def is_convolutional(self):
        """Whether the network convolves images."""
        return len(self.input_shape) == 3

    def resolve_architecture(self, architecture):
        """Returns `architecture`, or the default if it is None; None for a network that has only one.

        Raises:
            UserError: the architecture is unknown, or the network has only one.
        """
        if not self.architectures:
            require(architecture is None, "architecture", architecture, f"none, {self.name} has only one")
            return None
        if architecture is None:
            return self.architectures[0]
        require_name("architecture", architecture, self.architectures)
        return architecture

    def require_input_shape(self, input_shape):
        """Raises a UserError unless the network can be built for inputs of this shape."""
        require(not self.is_convolutional or len(input_shape) == 3, "input_shape", tuple(input_shape),
                f"height, width and channels of an image, which {self.name} convolves")

    def require_dropout(self, rate):
        """Raises a UserError unless `rate` is None, or the network has dropout and `rate` is in [0, 1)."""
        require(rate is None or self.dropout, "dropout", rate, f"none, {self.name} has no dropout")
        require(rate is None or is_finite(rate) and 0 <= rate < 1, "dropout", rate, "a number in [0, 1)")

    def require_recomputation(self, recompute):
        """Raises a UserError if `recompute` is true and the network is not convolutional."""
        require(not recompute or self.is_convolutional, "recompute", recompute,
                f"false, {self.name} does not convolve")


DATASETS = {
    "digits": Dataset(training_size=1437, test_size=360, input_shape=(8, 8, 1), classes=10),
    "digits32": Dataset(training_size=1437, test_size=360, input_shape=(32, 32, 3), classes=10),
    "mnist5k": Dataset(training_size=4000, test_size=1000, input_shape=(28, 28, 1), classes=10, part_of="MNIST"),
    "mnist": Dataset(training_size=60_000, test_size=10_000, input_shape=(28, 28, 1), classes=10),
    "cifar10": Dataset(training_size=50_000, test_size=10_000, input_shape=(32, 32, 3), classes=10),
    "cifar100": Dataset(training_size=50_000, test_size=10_000, input_shape=(32, 32, 3), classes=100),
    "timit": Dataset(training_size=None, test_size=None, input_shape=(360,), classes=None),
    "timit_shaped": Dataset(training_size=None, test_size=None, input_shape=(360,), classes=1973, synthetic=True),
}

NETWORKS = {network.name: network for network in (
    Network("F1", dataset="mnist", input_shape=(784,), classes=10),
    Network("F2", dataset="timit", input_shape=(360,), classes=1973),
    Network("C1", dataset="cifar10", input_shape=(32, 32, 3), classes=10, architectures=ARCHITECTURES, dropout=True),
    Network("C2", dataset="cifar10", input_shape=(32, 32, 3), classes=10, architectures=ARCHITECTURES, dropout=True),
    Network("C3", dataset="cifar100", input_shape=(32, 32, 3), classes=100, architectures=ARCHITECTURES, dropout=True),
    Network("C4", dataset="cifar100", input_shape=(32, 32, 3), classes=100, architectures=ARCHITECTURES, dropout=True),
)}


def dataset_label(name):
    """Returns a data set's name for readers, marked if the data are synthetic or a part of another set."""
    known = DATASETS.get(name)
    if known is not None and known.part_of:
        return f"{name} (a part of {known.part_of})"
    return f"{name} (synthetic)" if known is not None and known.synthetic else name


def regime_batch_size(size, dataset):
    """Returns a batch size as a number of examples.

    A fraction is rounded up. Rounded down, it would leave an update of each epoch to a few examples, which batch
    normalization normalizes by their own statistics.

    Args:
        size: Number of examples (int), or a fraction of the training set (float).
        dataset: The resolved `Dataset`.
    """
    # The product of a fraction such as 0.1 may exceed a whole number by its rounding.
    return size if isinstance(size, int) else max(1, math.ceil(round(size * dataset.training_size, 6)))


def open_classes(name, dataset):
    """Returns the value of `Run.classes`: the number of classes if only the prepared data can tell it, else None.

    Args:
        name: A key of `DATASETS`.
        dataset: The resolved `Dataset` of that name.
    """
    return dataset.classes if DATASETS[name].classes is None else None


def require_batch_size(name, value, dataset):
    """Raises a UserError unless `value` is a whole number from 1 to the size of the training set, if that is known.

    Args:
        name: The name of the argument or flag, for the message.
        value: The batch size.
        dataset: A `Dataset`, which need not be resolved.
    """
    size = dataset.training_size
    expected = "of at least 1" if size is None else f"from 1 to {size}, the size of the training set"
    require(is_whole(value, 1) and (size is None or value <= size), name, value, f"a whole number {expected}")
