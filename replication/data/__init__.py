"""Arrays ready for training, what must hold of them, and the partition in which f is evaluated."""

from replication.data.batches import choose, partition
from replication.data.examples import Data, check_examples
from replication.data.loading import describe, load
from replication.data.preparation import prepare

__all__ = ["Data", "check_examples", "choose", "describe", "load", "partition", "prepare"]
