"""One training run from its configuration to a minimizer on disk."""

from replication.training.compilation import jit_compile
from replication.training.run import train

__all__ = ["jit_compile", "train"]
