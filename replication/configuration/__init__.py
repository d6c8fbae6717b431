"""Every choice of an experiment as frozen, validated, JSON-ready values."""

from replication.configuration.fields import STATISTICS
from replication.configuration.measurements import Path, Sharpness, Steepness
from replication.configuration.run import OPTIMIZERS, REGIMES, Distribution, Run, Start
from replication.configuration.search import TUNERS, Search

__all__ = ["OPTIMIZERS", "REGIMES", "STATISTICS", "TUNERS", "Distribution", "Path", "Run", "Search", "Sharpness",
           "Start", "Steepness"]
