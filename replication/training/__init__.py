"""One training run from its configuration to a minimizer on disk."""

from replication.training.compilation import jit_compile
from replication.training.run import train
from replication.training.timing import time_steps

__all__ = ["jit_compile", "time_steps", "train"]
