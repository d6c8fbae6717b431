"""Every choice of an experiment as a frozen, validated value that converts to JSON."""

from replication.configuration.measurements import KINDS, STATISTICS, Measurement
from replication.configuration.measurements.path import Path
from replication.configuration.measurements.sharpness import Sharpness
from replication.configuration.measurements.steepness import Steepness
from replication.configuration.run import OPTIMIZERS, REGIMES, Distribution, Run, Start
from replication.configuration.search import TUNERS, Search
from replication.configuration.tasks import Measure, Train

__all__ = ["KINDS", "OPTIMIZERS", "REGIMES", "STATISTICS", "TUNERS", "Distribution", "Measure", "Measurement", "Path",
           "Run", "Search", "Sharpness", "Start", "Steepness", "Train"]
