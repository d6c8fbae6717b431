"""The base class of the choices of a measurement."""

import typing

from replication.fields import Configuration, number, one_of, whole

# JSON Schemas of what records hold.
NUMBER, WHOLE, TEXT, OBJECT = ({"type": kind} for kind in ("number", "integer", "string", "object"))
NUMBERS = {"type": "array", "items": NUMBER}
NUMBERS_AND_GAPS = {"type": "array", "items": {"type": ["number", "null"]}}
NUMBERS_BY_NAME = {"type": "object", "additionalProperties": NUMBER}
# Of the two runs that a measurement joins.
JOINED_RUNS = {"network": TEXT, "trial": WHOLE, "dataset": TEXT, "small_batch": TEXT, "large_batch": TEXT,
               "weights_checksums": {"type": "array", "items": TEXT}}
# What batch normalization uses in evaluation.
STATISTICS = ("batch", "moving")
# The largest batch in which f and accuracies are evaluated, that of the authors' code.
BATCH_SIZE = 5000
# By its KIND each class of choices; a subclass of `Measurement` is entered when it is defined.
KINDS = {}
# A pass without gradient takes about a third of one with it.
FORWARD = 1 / 3
# For each weight, the workspace of L-BFGS-B with m = 10 corrections: 2 m n + 5 n numbers.
BYTES_OF_A_MAXIMIZATION = 25 * 8


def box_epsilon():
    """A field for the half-width of Metric 2.1's box."""
    return number(1e-3, "Half-width of Metric 2.1's box, relative to |x_i| + 1.", above=0)


def batch_statistics():
    """A field for the statistics of batch normalization."""
    return one_of(STATISTICS, "batch", "Statistics that batch normalization uses in f: batch or moving.")


def evaluation_batch():
    """A field for the largest batch in which f is evaluated."""
    return whole(BATCH_SIZE, "Upper bound of the equal batches in which f is evaluated.", at_least=1)


def number_of_examples():
    """A field for a part of the training set."""
    return whole(
        None, "Number of examples over which f is taken, a fixed random choice of the training set; by default all.",
        at_least=1)


class Measurement(Configuration):
    """The choices of one measurement of finished runs; subclasses hold those of a kind each.

    A kind consists of three files: its choices in `replication.configuration.measurements`, its computation in the
    module that COMPUTATION names, and an experiment that asks for it and shows it.

    Attributes:
        KIND: One word that names the folder of its records and its tasks.
        COMPUTATION: Name of the module with `compute(objective, choices)`, which returns a result with `to_json`;
            for a kind that joins two runs, `compute(runs, choices, dataset)`.
        RUNS: How many runs a measurement joins: 1, or 2 for SB and LB.
        CONTENT: By field, the JSON Schema of what its record holds beside the choices.
        CONTEXT: What `compute(objective, choices)` takes beside, by keyword: "dataset", the run's `data.Data`, or
            "start", the weights at which the run started, float64 [n].
    """

    KIND: typing.ClassVar[str]
    COMPUTATION: typing.ClassVar[str]
    RUNS: typing.ClassVar[int] = 1
    CONTENT: typing.ClassVar[dict] = {}
    CONTEXT: typing.ClassVar[tuple] = ()
    # Over how many examples f is taken, None for the whole training set, and whether in training mode; the seed of the
    # partition into batches, and the precision.
    examples = None
    dropout_active = False
    partition = 0
    dtype = "float32"

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        KINDS[cls.KIND] = cls

    def record_name(self, *runs):
        """The stem of the file of its record, such as 0.001-1a2b3c4d; `runs` are the `Run`s that it measures."""
        return f"{self.epsilon:g}-{self.digest()}"

    def passes(self, dataset):
        """About how many passes over the training set it takes, in units of one forward and backward.

        Args:
            dataset: The resolved `catalog.Dataset` of the runs.
        """
        raise NotImplementedError

    def ascents(self):
        """How many maximizations in the full space it makes, each from one start."""
        return 0

    def vector_bytes(self, parameters):
        """Bytes of the vectors that it holds beside a network of so many trainable weights."""
        return 6 * 8 * parameters

    def largest_set(self, size):
        """The number of examples in the largest set that it passes, for a training set of `size`."""
        return min(self.examples or size, size)

    def quantities(self, content):
        """The numbers of a record for the table of all measurements, as pairs of a name and a number; by default none.

        Args:
            content: The content of a record that `check` has passed.
        """
        return []

    def check(self, content):
        """The name of the first field that the content of a record lacks or has of the wrong kind; None if all is well.

        Args:
            content: A dictionary, as the computation's result gives it to JSON.
        """
        raise NotImplementedError
