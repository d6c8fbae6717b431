"""Where the tasks of a replication run."""

from replication.execution.local import execute

__all__ = ["execute"]
