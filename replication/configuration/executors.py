"""Where the tasks of a replication run, as chosen: in processes of this machine or on a Ray cluster."""

import dataclasses

from replication.errors import is_finite, is_whole, require


@dataclasses.dataclass(frozen=True)
class Local:
    """Tasks run on this machine.

    Attributes:
        jobs: Processes among which its processors are divided; 1 for none but this one.

    Raises:
        UserError: a value is out of range.
    """

    jobs: int = 1

    def __post_init__(self):
        require(is_whole(self.jobs, 1), "jobs", self.jobs, "a whole number of at least 1")


@dataclasses.dataclass(frozen=True)
class Ray:
    """Tasks run on a Ray cluster that exists.

    Attributes:
        address: HOST:PORT of its head, as `ray start` prints it; "auto": the cluster that this machine is a node of.
        cpus: Processors for each task, which computes with so many threads.
        gpus: GPUs for each task; a fraction is allowed, 0 keeps tasks off GPUs.
        memory: GB of main memory for each task; None leaves it open.

    Raises:
        UserError: a value is out of range.
    """

    address: str = "auto"
    cpus: int = 1
    gpus: float = 0.0
    memory: float | None = None

    def __post_init__(self):
        host, _, port = self.address.rpartition(":")
        require(self.address == "auto" or (host and port.isdecimal()), "ray_address", self.address, "HOST:PORT or auto")
        require(is_whole(self.cpus, 1), "ray_cpus", self.cpus, "a whole number of at least 1")
        require(is_finite(self.gpus) and self.gpus >= 0, "ray_gpus", self.gpus, "a number of at least 0")
        require(self.gpus <= 1 or self.gpus == int(self.gpus), "ray_gpus", self.gpus, "a whole number where above 1")
        require(self.memory is None or (is_finite(self.memory) and self.memory > 0), "ray_memory", self.memory,
                "a positive number of GB")
