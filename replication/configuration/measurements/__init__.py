"""The kinds of measurement, one module each, found by file name."""

import importlib
import pkgutil

from replication.configuration.measurements.base import BATCH_SIZE, KINDS, STATISTICS, Measurement

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["BATCH_SIZE", "KINDS", "STATISTICS", "Measurement"]
