"""Every choice of an experiment as a frozen, validated value that converts to JSON."""

from replication.configuration.measurements import BATCH_SIZE, KINDS, STATISTICS, Measurement
from replication.configuration.measurements.geometry import Geometry
from replication.configuration.measurements.path import Path
from replication.configuration.measurements.reparametrization import Reparametrization
from replication.configuration.measurements.robustness import Robustness
from replication.configuration.measurements.sharpness import Sharpness
from replication.configuration.measurements.spectrum import Spectrum
from replication.configuration.measurements.steepness import Steepness
from replication.configuration.measurements.surface import Surface
from replication.configuration.run import OPTIMIZERS, Distribution, Run, Start
from replication.configuration.search import Search
from replication.configuration.tasks import Measure, Train

__all__ = ["BATCH_SIZE", "KINDS", "OPTIMIZERS", "STATISTICS", "Distribution", "Geometry", "Measure", "Measurement",
           "Path", "Reparametrization", "Robustness", "Run", "Search", "Sharpness", "Spectrum", "Start", "Steepness",
           "Surface", "Train"]
