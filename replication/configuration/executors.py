"""Where the tasks of a replication run: in processes of this machine or on a Ray cluster."""

import dataclasses

from replication.errors import require
from replication.fields import Configuration, choice, number, whole


@dataclasses.dataclass(frozen=True)
class Local(Configuration):
    """Tasks run on this machine.

    Raises:
        UserError: a value is out of range.
    """

    jobs: int = whole(
        1, "With --executor=local: number of processes that work at the same time, each with 1/N of the "
        "processors; fewer if the memory does not hold so many. 1: this process alone.", at_least=1)


@dataclasses.dataclass(frozen=True)
class Ray(Configuration):
    """Tasks run on a Ray cluster that exists.

    Raises:
        UserError: a value is out of range.
    """

    address: str = choice(
        "auto", "With --executor=ray: HOST:PORT of the cluster's head, as `ray start` prints it; auto: the "
        "cluster that this machine is a node of.", name="ray_address")
    cpus: int = whole(1, "With --executor=ray: processors, and threads, for each task.", at_least=1,
                      name="ray_cpus")
    gpus: float = number(0.0, "With --executor=ray: GPUs for each task, such as 1 or 0.25.", at_least=0,
                         expected="a number of at least 0", name="ray_gpus")
    memory: float | None = number(None, "With --executor=ray: GB of main memory for each task; by default not limited.",
                                  above=0, expected="a positive number of GB", name="ray_memory")

    def __post_init__(self):
        super().__post_init__()
        host, _, port = self.address.rpartition(":")
        require(self.address == "auto" or (host and port.isdecimal()), "ray_address", self.address, "HOST:PORT or auto")
        require(self.gpus <= 1 or self.gpus == int(self.gpus), "ray_gpus", self.gpus, "a whole number if above 1")
