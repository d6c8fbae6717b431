"""The loss along paths between minimizers, and in many directions around one."""

from replication.landscape.paths import measure_path, pairs
from replication.landscape.steepness import measure_steepness

__all__ = ["measure_path", "measure_steepness", "pairs"]
