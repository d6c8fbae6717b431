"""The paper's table 1: the data sets, and the networks with the data set of each."""

import dataclasses

from replication.errors import is_finite, is_whole, require, require_name

ARCHITECTURES = ("released", "text")


@dataclasses.dataclass(frozen=True)
class Dataset:
    """The shape of a data set: what must be known of it before it is loaded.

    Attributes:
        training_size, test_size: Numbers of examples; None where only the prepared data tell
            (`data.describe`).
        input_shape: Shape of one input, without the batch.
        classes: Number of classes; labels are 0 ... classes - 1. None as for the sizes.
        synthetic: Whether a generator made it; reports say so wherever they name it.
    """

    training_size: int | None
    test_size: int | None
    input_shape: tuple
    classes: int | None
    synthetic: bool = False


@dataclasses.dataclass(frozen=True)
class Network:
    """A row of the paper's table 1: the data set of a network and the shape the paper builds it with.

    Attributes:
        name: Its name in the paper.
        dataset: Name of its data set.
        input_shape: Shape of one input, without the batch.
        classes: Number of classes.
        architectures: Where the paper's text and the authors' code build different networks, the names
            of both, the default first; otherwise empty.
        dropout: Whether it has dropout.
    """

    name: str
    dataset: str
    input_shape: tuple
    classes: int
    architectures: tuple = ()
    dropout: bool = False

    def resolve_architecture(self, architecture):
        """`architecture` itself, or for None the default; None for a network that has only one.

        Raises:
            UserError: it is unknown, or there is no choice.
        """
        if not self.architectures:
            require(architecture is None, "architecture", architecture, f"none, {self.name} has only one")
            return None
        if architecture is None:
            return self.architectures[0]
        require_name("architecture", architecture, self.architectures)
        return architecture

    def require_input_shape(self, input_shape):
        """Raises a UserError unless the network can be built for this shape of one input."""
        require(len(self.input_shape) == 1 or len(input_shape) == 3, "input_shape", tuple(input_shape),
                f"height, width and channels of an image, which {self.name} convolves")

    def require_dropout(self, rate):
        """Raises a UserError unless `rate` is None, or a rate of dropout and the network has dropout."""
        require(rate is None or self.dropout, "dropout", rate, f"none, {self.name} has no dropout")
        require(rate is None or is_finite(rate) and 0 <= rate < 1, "dropout", rate, "a number in [0, 1)")


DATASETS = {
    "digits": Dataset(training_size=1437, test_size=360, input_shape=(8, 8, 1), classes=10),
    "digits32": Dataset(training_size=1437, test_size=360, input_shape=(32, 32, 3), classes=10),
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
    """A data set's name for readers, who are told where it is synthetic."""
    synthetic = name in DATASETS and DATASETS[name].synthetic
    return f"{name} (synthetic)" if synthetic else name


def regime_batch_size(size, description):
    """A batch size as a number of examples: `size` itself, or that fraction of a `Dataset`'s training set."""
    return size if isinstance(size, int) else max(1, round(size * description.training_size))


def open_classes(dataset, description):
    """`Run.classes` for a data set that is described by `description`: None where `DATASETS` tells them."""
    return description.classes if DATASETS[dataset].classes is None else None


def require_batch_size(name, value, description):
    """Raises a UserError unless `value` is a batch size that a `Dataset`'s training set admits, where known."""
    size = description.training_size
    expected = "of at least 1" if size is None else f"from 1 to {size}, the size of the training set"
    require(is_whole(value, 1) and (size is None or value <= size), name, value, f"a whole number {expected}")
