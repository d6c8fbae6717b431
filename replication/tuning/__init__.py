"""Searches for hyperparameters with keras-tuner, over runs that `training` trains."""

from replication.tuning.search import hold_out, tune
from replication.tuning.space import SearchSpace

__all__ = ["SearchSpace", "hold_out", "tune"]
