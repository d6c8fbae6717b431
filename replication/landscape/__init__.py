"""The loss along paths between minimizers."""

from replication.landscape.paths import measure_path, pairs

__all__ = ["measure_path", "pairs"]
