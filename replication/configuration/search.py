"""The choices of a search for hyperparameters."""

import dataclasses
import re

from replication.configuration.fields import JsonRoundTrip
from replication.configuration.measurements import Sharpness
from replication.configuration.run import Run
from replication.errors import is_finite, is_whole, require, require_name

TUNERS = ("random", "bayesian", "hyperband")
# By the name of what a search optimizes, whether it shall be as large or as small as possible.
OBJECTIVES = {"val_accuracy": "max", "sharpness": "min"}


@dataclasses.dataclass(frozen=True)
class Search(JsonRoundTrip):
    """The choices of one search for hyperparameters.

    Its trials are runs of one network on one part of the training set; the other part, the validation set,
    gives the accuracy that is optimized. The test set plays no part.

    Attributes:
        network, dataset, architecture, classes, statistics, jit_compile: As in `Run`, of all trials. A remedy
            that XLA cannot compile goes without.
        tuner: "random", "bayesian" or "hyperband", algorithms of keras-tuner.
        objective: "val_accuracy" at the minimizer, as large as possible, or its "sharpness", as small as
            possible: Metric 2.1 in the full space over the part of the training set that was trained on.
        max_trials: Upper bound on the trials; no part of the name: a search can go on with a larger one.
        max_sharpness: With "val_accuracy": only minimizers of at most this sharpness, in percent, are
            admissible; None for no bound.
        epochs: Of every trial; with hyperband, of its longest ones.
        validation_share: Share of the training set that is held out for validation.
        sharpness_epsilon, sharpness_iterations: `epsilon` and `iterations` of each measurement, see `Sharpness`.
        seed: Of the search, the validation set, and the trials' x_0 and order of the examples.
        space: Name of the search space, a `tuning.SearchSpace`.

    Raises:
        UserError: a value is out of range; the message names it.
    """

    network: str
    dataset: str
    tuner: str = "random"
    objective: str = "val_accuracy"
    max_trials: int = 20
    max_sharpness: float | None = None
    epochs: int = 20
    validation_share: float = 0.1
    sharpness_epsilon: float = 1e-3
    sharpness_iterations: int = 3
    seed: int = 0
    statistics: str = "batch"
    architecture: str | None = None
    classes: int | None = None
    jit_compile: bool = False
    space: str = "standard"

    def __post_init__(self):
        require_name("tuner", self.tuner, TUNERS)
        require_name("objective", self.objective, OBJECTIVES)
        for name in ("max_trials", "epochs"):
            require(is_whole(getattr(self, name), 1), name, getattr(self, name), "a whole number of at least 1")
        if self.max_sharpness is not None:
            require(self.objective != "sharpness", "max_sharpness", self.max_sharpness,
                    "none with objective=sharpness, which is minimized already")
            require(is_finite(self.max_sharpness) and self.max_sharpness > 0, "max_sharpness", self.max_sharpness,
                    "a positive number, in percent")
        require(is_finite(self.validation_share) and 0 < self.validation_share < 1, "validation_share",
                self.validation_share, "a number between 0 and 1, both excluded")
        require(is_whole(self.seed, 0) and self.seed < 2**31, "seed", self.seed, "a whole number from 0 to 2^31 - 1")
        require(isinstance(self.space, str) and re.fullmatch(r"\w+", self.space), "space", self.space,
                "a name of letters, digits and underscores")
        # What a trial is made of is checked by the run and the measurement themselves.
        object.__setattr__(self, "architecture", self.run(batch_size=1).architecture)
        _ = self.measurement

    @property
    def name(self):
        """The name of the search's folder, such as F1-digits-random-1a2b3c4d."""
        return f"{self.network}-{self.dataset}-{self.tuner}-{dataclasses.replace(self, max_trials=1).digest()}"

    @property
    def measurement(self):
        """The `Sharpness` that is measured of each trial."""
        return Sharpness(epsilon=self.sharpness_epsilon, iterations=self.sharpness_iterations,
                         statistics=self.statistics, seed=self.seed)

    @property
    def direction(self):
        """Whether `score` shall be as large or as small as possible: "max" or "min"."""
        return OBJECTIVES[self.objective]

    def run(self, **choices):
        """A `Run` of this search with these choices; all others are the search's or the defaults."""
        remedy = choices.get("remedy")
        return Run(**{
            "network": self.network, "regime": "grid", "trial": self.seed, "dataset": self.dataset,
            "epochs": self.epochs, "statistics": self.statistics, "architecture": self.architecture,
            "classes": self.classes, "jit_compile": self.jit_compile and (remedy is None or remedy.COMPILES),
            **choices})

    def is_admissible(self, sharpness):
        """Whether a minimizer of this sharpness is within the bound."""
        return self.max_sharpness is None or sharpness <= self.max_sharpness

    def score(self, val_accuracy, sharpness):
        """What the tuner optimizes.

        A minimizer beyond the bound has max_sharpness / sharpness - 1, in (-1, 0): worse than any admissible
        one, whose accuracy is in [0, 1], and the better the nearer to the bound, which leads the tuner there.
        """
        if self.objective == "sharpness":
            return sharpness
        return val_accuracy if self.is_admissible(sharpness) else self.max_sharpness / sharpness - 1
