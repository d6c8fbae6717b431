"""Data sets as arrays for training, the checks of examples, and the partition for evaluation."""

from replication.data.examples import Data, check_examples, choose, partition
from replication.data.loading import describe, load
from replication.data.preparation import prepare

__all__ = ["Data", "check_examples", "choose", "describe", "load", "partition", "prepare"]
