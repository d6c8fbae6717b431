"""Searches for hyperparameters with keras-tuner, over runs that `training` trains."""

from replication.tuning.search import tune
from replication.tuning.space import SearchSpace
from replication.tuning.split import hold_out

__all__ = ["SearchSpace", "hold_out", "tune"]
