"""Metric 2.1 of the paper: the sharpness of a minimizer."""

from replication.sharpness.metric import SharpnessResult, measure, measure_sharpness
from replication.sharpness.objective import Objective
from replication.sharpness.timing import time_solver

__all__ = ["Objective", "SharpnessResult", "measure", "measure_sharpness", "time_solver"]
