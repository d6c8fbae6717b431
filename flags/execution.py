"""Flags that choose where the replication runs."""

from absl import flags

from replication.configuration import executors
from replication.errors import UserError

_EXECUTOR = flags.DEFINE_enum(
    "executor", "local", ["local", "ray"], "Where tasks run: local, on this machine; ray, on a Ray cluster.")
_JOBS = flags.DEFINE_integer(
    "jobs", None, "local: processes that work at the same time and divide the processors between them; fewer where "
    "the memory does not hold so many. Default: 1, this process alone.")
_RAY = {
    "address": flags.DEFINE_string(
        "ray_address", None, "ray: HOST:PORT of the cluster's head; by default the cluster this machine is a node of."),
    "cpus": flags.DEFINE_integer("ray_cpus", None, "ray: processors, and threads, for each task. Default: 1."),
    "gpus": flags.DEFINE_float("ray_gpus", None, "ray: GPUs for each task, such as 1 or 0.25. Default: 0."),
    "memory": flags.DEFINE_float("ray_memory", None, "ray: GB of main memory for each task. Default: left open."),
}


def executor():
    """The `executors.Local` or `executors.Ray` that the flags describe.

    Raises:
        UserError: a value is out of range, or an option is the other executor's.
    """
    given = {name: holder.value for name, holder in _RAY.items() if holder.value is not None}
    if _EXECUTOR.value == "ray":
        if _JOBS.value is not None:
            raise UserError("--jobs: of use with --executor=local only; --ray_cpus says how many tasks a node takes")
        return executors.Ray(**given)
    if given:
        raise UserError(f"--ray_{next(iter(given))}: of use with --executor=ray only")
    return executors.Local(1 if _JOBS.value is None else _JOBS.value)
