"""Metric 2.1 of the paper: the sharpness of a minimizer."""

from replication.sharpness.callback import SharpnessCallback
from replication.sharpness.checks import log_warnings
from replication.sharpness.metric import SharpnessResult, compute, compute_layers, measure_sharpness
from replication.sharpness.objective import Objective

__all__ = ["Objective", "SharpnessCallback", "SharpnessResult", "compute", "compute_layers", "log_warnings",
           "measure_sharpness"]
