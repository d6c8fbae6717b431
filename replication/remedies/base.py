"""The base class of the remedies, which are known by name once their classes are defined."""

import dataclasses
import typing

from replication.catalog import NETWORKS
from replication.errors import require, require_name
from replication.fields import Boolean, Configuration, OneOf, Whole

# The class of each remedy by its NAME.
REMEDIES = {}


@dataclasses.dataclass(frozen=True)
class Remedy(Configuration):
    """A way of training that may help large batches. `Remedy()` itself is plain training.

    A subclass is a frozen dataclass with a NAME. Its fields are the options, each with a default. It overrides the
    methods that differ, and imports TensorFlow and Keras inside them only. In all methods `run` is the
    `configuration.Run`, `history` the rows of the epochs so far, and `model` the `TrainingModel`.

    Attributes:
        NAME: Name in flags and records.
        NEEDS_IMAGES: Whether the remedy works on images only.
        COMPILES: Whether XLA can compile the training step; `compiles` is that of one remedy with its options.
        GRADIENTS: Number of gradient evaluations for each example of a training batch.
        USED_WITH: By name of an option that has an effect only with some values of another one: that one's name, and
            these values.
        ESSENTIAL: Options of which the scripts require one that differs from its default: without, nothing changes.
        BEFORE: By name, the value of each option that older records lack, if it was not today's default.
    """

    NAME: typing.ClassVar[str]
    BEFORE: typing.ClassVar[dict] = {}
    USED_WITH: typing.ClassVar[dict] = {}
    ESSENTIAL: typing.ClassVar[tuple] = ()
    NEEDS_IMAGES: typing.ClassVar[bool] = False
    COMPILES: typing.ClassVar[bool] = True
    GRADIENTS: typing.ClassVar[int] = 1

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "NAME" in vars(cls):
            REMEDIES[cls.NAME] = cls
            cls.PREFIX = f"{cls.NAME}_"

    @property
    def gradients(self):
        """Number of gradient evaluations for each example of a training batch."""
        return self.GRADIENTS

    @property
    def compiles(self):
        """Whether XLA can compile the training step."""
        return self.COMPILES

    @property
    def label(self):
        """One line for readers: the name, and the options that differ from their defaults."""
        options, defaults = dataclasses.asdict(self), dataclasses.asdict(type(self)())
        return ", ".join([self.NAME.replace("_", " "), *(
            f"{option.replace('_', ' ')} {value}" for option, value in options.items() if value != defaults[option])])

    def to_json(self):
        """The name and the options as a JSON-ready dictionary, as records have them: see `BEFORE`."""
        return {"name": self.NAME, **{name: value for name, value in super().to_json().items()
                                      if name not in self.BEFORE or value != self.BEFORE[name]}}

    @classmethod
    def from_json(cls, content):
        """The inverse of `to_json`; the name decides the class.

        Raises:
            UserError: the name or an option is unknown, or a value is out of range.
        """
        options = dict(content) if isinstance(content, dict) else {}
        require_name("remedy", options.get("name"), REMEDIES)
        kind = REMEDIES[options.pop("name")]
        return super(Remedy, kind).from_json({**kind.BEFORE, **options})

    @classmethod
    def admits(cls, network):
        """Whether the remedy can train a `catalog.Network`."""
        return network.is_convolutional or not cls.NEEDS_IMAGES

    def check_run(self, run):
        """Raises a UserError unless a run can be trained with this remedy."""
        require(self.admits(NETWORKS[run.network]), "remedy", self.NAME,
                f"another one or none, as {run.network} is not convolutional and takes no images")
        require(self.compiles or not run.jit_compile, "jit_compile", run.jit_compile,
                f"false with the remedy {self.NAME}, whose step XLA cannot compile")

    def examples_at_once(self, batch_size):
        """The number of examples whose activations a training step on a batch holds at the same time."""
        return batch_size

    def prepare(self, model):
        """Adds what the training step needs to a model that is not compiled yet; by default nothing.

        Layers and seed generators, seeded by `model.seed`, become attributes of the model. As part of its variables
        they are restored when a run is resumed.
        """

    def learning_rate(self, run, examples):
        """The learning rate, a number or a Keras schedule; by default the run's.

        Args:
            run: The `configuration.Run`.
            examples: `training.batches.Examples`.
        """
        return run.learning_rate

    def learn(self, model, inputs, labels):
        """Takes one training step on a batch; by default one of plain training.

        Args:
            model: Its `forward(inputs, labels)` returns the outputs and the loss, and its `optimizer` has `apply`.
            inputs, labels: float32 [batch, ...] and int32 [batch].

        Returns:
            Keras's logs, `model.log(loss, labels, outputs)`.
        """
        return model.plain_step(inputs, labels)

    def batch_size(self, run, history, model, *, examples):
        """The batch size of the next epoch; by default None: the run's batch size in all epochs.

        It must depend on the arguments alone, for the sake of resumed runs. `examples` are `training.batches.Examples`.
        """

    def test_gradients(self, run, history, examples):
        """Number of gradients of single examples that `batch_size` has taken; `examples` is the training set's size."""
        return 0

    @classmethod
    def listed(cls, small_batch, large_batch):
        """The variants in the table of remedies, as a tuple, for the batch sizes of SB and LB."""
        return (cls(),)

    @classmethod
    def sample(cls, hp, batch_size):
        """A remedy for a run of this batch size; keras-tuner's `hp` gives the options whose field has a `search`."""
        return cls(**{field.name: cls.hyperparameter(hp, field.name) for field in dataclasses.fields(cls)
                      if field.metadata.get("search")})

    @classmethod
    def hyperparameter(cls, hp, option):
        """The value of one option as a hyperparameter NAME_option in the range of its field's `search`."""
        field = cls.__dataclass_fields__[option]
        name, values, search = f"{cls.PREFIX}{option}", field.metadata["values"], field.metadata["search"]
        if isinstance(values, Boolean):
            return hp.Boolean(name, default=field.default)
        if isinstance(values, OneOf):
            return hp.Choice(name, list(values.names), default=field.default)
        number = hp.Int if isinstance(values, Whole) else hp.Float
        return number(name, search.low, search.high, sampling="log" if search.log else "linear", default=field.default)


from_json = Remedy.from_json
