"""The loss along paths between minimizers, and in many directions around one."""

from replication.landscape.paths import pairs

__all__ = ["pairs"]
