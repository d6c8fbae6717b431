"""The choices of a search for hyperparameters."""

import dataclasses
import re

from replication.catalog import ARCHITECTURES, DATASETS, NETWORKS
from replication.configuration.measurements import STATISTICS
from replication.configuration.measurements.sharpness import Sharpness
from replication.configuration.run import Run
from replication.errors import require
from replication.fields import REQUIRED, Configuration, boolean, choice, number, one_of, whole

TUNERS = ("random", "bayesian", "hyperband")
# By the name of the objective, whether it is maximized or minimized.
OBJECTIVES = {"val_accuracy": "max", "sharpness": "min"}


@dataclasses.dataclass(frozen=True)
class Search(Configuration):
    """The choices of one search for hyperparameters.

    Its trials are runs of one network on one part of the training set; the other part, the validation set, gives the
    accuracy that is optimized. The test set plays no part.

    Raises:
        UserError: a value is out of range; the message names it.
    """

    network: str = one_of(NETWORKS, REQUIRED, "Network of table 1.")
    dataset: str = one_of(DATASETS, REQUIRED, "Data set; by default the network's own, as in the paper.")
    tuner: str = one_of(TUNERS, "random", "Algorithm of keras-tuner.")
    objective: str = one_of(
        OBJECTIVES, "val_accuracy", "What is optimized: the validation accuracy at the end of a trial, which is "
        "maximized, or its sharpness (Metric 2.1 in the full space), which is minimized.")
    max_trials: int = whole(
        20, "Upper bound on the trials; a search that is done goes on with a larger one.", at_least=1)
    max_sharpness: float | None = number(
        None, "With --objective=val_accuracy: the largest sharpness, in percent, of an admissible minimizer; by "
        "default all are admissible.", above=0, expected="a positive number, in percent")
    epochs: int = whole(20, "Epochs of each trial; with --tuner=hyperband, of the longest ones.", at_least=1)
    validation_share: float = number(
        0.1, "Share of the training set that is held out for validation. The test set is not touched.", above=0,
        below=1, expected="a number between 0 and 1, both excluded")
    sharpness_epsilon: float = number(1e-3, "Size of the box of Metric 2.1.", above=0, name="epsilon")
    sharpness_iterations: int = whole(
        3, "Iterations of L-BFGS-B in each trial's measurement (the paper's tables: 10).", at_least=1,
        name="iterations")
    seed: int = whole(
        0, "Seed of the search, the validation set, and every trial's starting point and order of the examples.",
        at_most=2**31 - 1, expected="a whole number from 0 to 2^31 - 1")
    statistics: str = one_of(
        STATISTICS, "batch",
        "Statistics that batch normalization uses in evaluation: batch (as the authors' code) or moving.")
    architecture: str | None = one_of(
        ARCHITECTURES, None, "Form of C1 to C4: released (the default; the authors' code) or text (the paper's "
        "appendix B).")
    classes: int | None = choice(None, "Number of classes of a data set for which only the prepared data can tell.")
    jit_compile: bool = boolean(
        False, "Compile the training step of all trials with XLA, except for remedies that it cannot compile.")
    space: str = choice("standard", "Name of the search space, a `tuning.SearchSpace`.")

    def __post_init__(self):
        super().__post_init__()
        require(self.max_sharpness is None or self.objective != "sharpness", "max_sharpness", self.max_sharpness,
                "none with objective=sharpness, which is minimized already")
        require(isinstance(self.space, str) and re.fullmatch(r"\w+", self.space), "space", self.space,
                "a name of letters, digits and underscores")
        # The run of a trial checks network, data set, architecture and classes together.
        object.__setattr__(self, "architecture", self.run(batch_size=1).architecture)

    @property
    def name(self):
        """The name of the search's folder, such as F1-digits-random-1a2b3c4d; it does not depend on `max_trials`."""
        return f"{self.network}-{self.dataset}-{self.tuner}-{dataclasses.replace(self, max_trials=1).digest()}"

    @property
    def measurement(self):
        """The `Sharpness` measured for each trial."""
        return Sharpness(epsilon=self.sharpness_epsilon, iterations=self.sharpness_iterations,
                         statistics=self.statistics, seed=self.seed)

    @property
    def direction(self):
        """Whether the score is maximized or minimized: "max" or "min"."""
        return OBJECTIVES[self.objective]

    def run(self, **choices):
        """A `Run` of this search with these choices; all others are the search's or the defaults."""
        remedy = choices.get("remedy")
        return Run(**{
            "network": self.network, "regime": "grid", "trial": self.seed, "dataset": self.dataset,
            "epochs": self.epochs, "statistics": self.statistics, "architecture": self.architecture,
            "classes": self.classes, "jit_compile": self.jit_compile and (remedy is None or remedy.compiles),
            **choices})

    def is_admissible(self, sharpness):
        """Whether a minimizer of this sharpness is within the bound."""
        return self.max_sharpness is None or sharpness <= self.max_sharpness

    def score(self, val_accuracy, sharpness):
        """The value that the tuner optimizes.

        A minimizer beyond the bound has the score max_sharpness / sharpness - 1. It lies in (-1, 0), so below that of
        every admissible minimizer, whose accuracy is in [0, 1], and it rises towards the bound, which leads the tuner
        there.
        """
        if self.objective == "sharpness":
            return sharpness
        return val_accuracy if self.is_admissible(sharpness) else self.max_sharpness / sharpness - 1
