"""Imports what takes long, for the server of `tests.forked`; no module of flags, which each script defines anew."""

# First, because it silences TensorFlow's greeting.
import replication.entry  # noqa: F401  isort: skip

import gc
import os

import keras_tuner  # noqa: F401
import mlxtend.data  # noqa: F401
import sklearn.datasets  # noqa: F401
import tensorflow_datasets  # noqa: F401

import replication.execution.local
import replication.execution.measurement
import replication.landscape.steepness
import replication.report
import replication.sharpness
import replication.spectrum
import replication.training
import replication.tuning  # noqa: F401
import tests.networks  # noqa: F401
from replication import machine
from replication.report import figures
from tests import drawing

# Its children read what they share, and need not search it for garbage.
machine.versions()
os.fsync = lambda descriptor: None
figures.render = drawing.sparing(figures.render)
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 50, 1_000)
