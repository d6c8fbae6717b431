"""Carries out tasks on a Ray cluster. The only module that imports Ray.

All nodes see the workdir and the data sets under the same path of a shared file system; results are not sent back.
"""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys

from replication.data.images import resolve_data_dir
from replication.errors import MissingDataError, UserError
from replication.execution import tasks
from replication.execution.local import Schedule, load_all, run_task
from replication.machine import prepare_tensorflow, use_threads

# The number of times that Ray tries a task again whose process or node is lost.
RETRIES = 2
_SECONDS_TO_ANSWER = 10
_PACKAGES = tuple(str(pathlib.Path(__file__).parents[2] / name) for name in ("models", "replication"))


def execute(found, workdir, executor, *, data_dir=None, begin=None, end=None, meanwhile=None):
    """Carries out the tasks that are not on disk yet, as many at a time as the cluster has room for.

    A task that fails does not stop the others, unless its data are missing. A task whose process or node is lost is
    tried again, twice at most, and goes on from the files on disk.

    Args:
        found, workdir, data_dir, begin, end, meanwhile: See `local.execute`.
        executor: A `configuration.executors.Ray`.

    Returns:
        One line for each task that failed, in order.

    Raises:
        MissingDataError: a data set is not prepared; nothing has been started then.
        UserError: Ray is not installed, or there is no cluster at the address.
    """
    load_all(tasks.pending(found, workdir), data_dir)
    with _connected(executor) as ray:
        _check_room(ray, executor)
        remote = ray.remote(
            num_cpus=executor.cpus, num_gpus=executor.gpus, max_retries=RETRIES,
            memory=None if executor.memory is None else int(executor.memory * 1e9))(_run_task)
        return _distribute(ray, remote, found, workdir.path.absolute(),
                          resolve_data_dir(data_dir).absolute(), executor, begin, end, meanwhile)


def _check_room(ray, executor):
    """Raises a UserError if no node could ever take a task, because Ray would wait for one silently."""
    asked = {"CPU": executor.cpus, "GPU": executor.gpus, "memory": (executor.memory or 0) * 1e9}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(node.get(name, 0) >= amount for name, amount in asked.items()) for node in nodes):
        offers = "; ".join(", ".join([f"{node.get('CPU', 0):g} CPUs", f"{node.get('GPU', 0):g} GPUs",
                                      f"{node.get('memory', 0) / 1e9:.1f} GB"]) for node in nodes)
        raise UserError(f"--ray_cpus={executor.cpus} --ray_gpus={executor.gpus:g} --ray_memory={executor.memory}: "
                        f"no node of the cluster has so much ({offers})")


def _distribute(ray, remote, found, folder, data_dir, executor, begin, end, meanwhile):
    schedule, running = Schedule(found), {}
    try:
        while True:
            while (number := schedule.begin()) is not None:
                if begin is not None:
                    begin(number)
                running[remote.remote(found[number], folder, data_dir, schedule.waits(number), executor)] = number
            if meanwhile is not None:
                meanwhile()
            if not running:
                return schedule.failures()
            (reference,), _ = ray.wait(list(running))
            number = running.pop(reference)
            schedule.end(number, _outcome(ray, reference, found[number], folder))
            if end is not None:
                end(number)
    finally:
        for reference in running:
            ray.cancel(reference)


def _outcome(ray, reference, task, folder):
    from replication import records

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise error.cause from None
        # A bug of ours, with its traceback.
        raise
    except ray.exceptions.RayError as error:
        # The files on disk count: the process may have been lost after it had written them.
        if tasks.is_done(task, records.Workdir(folder)):
            return None
        reason = str(error).strip().splitlines()[0]
        return UserError(f"{task.title}: its process or node was lost {1 + RETRIES} times ({reason})")


def _run_task(task, folder, data_dir, wait, executor):
    """Carries out a task in a process of the cluster."""
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    prepare_tensorflow()
    use_threads(executor.cpus)
    try:
        return run_task(task, folder, data_dir=data_dir, wait=wait)
    except MissingDataError as error:
        raise MissingDataError(f"node {socket.gethostname()}: {error}") from None


def check(executor):
    """Raises a UserError, within seconds, unless Ray is installed and a cluster answers at the executor's address."""
    try:
        # Ray reads it when it is imported: a task that is killed because memory is short counts as lost, and does not
        # begin anew without end.
        os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))
        import ray  # noqa: F401
    except ImportError:
        raise UserError("--executor=ray: Ray is not installed; run `python -m pip install -r "
                        "requirements-ray.txt`") from None
    if executor.address != "auto":
        _check_answer(executor.address)


def _check_answer(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_SECONDS_TO_ANSWER).close()
        # Ray itself waits for minutes, and then ends the process, if something other than a cluster answers.
        subprocess.run([sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address], check=True,
                       capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER)
    except subprocess.TimeoutExpired:
        raise _no_cluster(address, f"no answer within {_SECONDS_TO_ANSWER} seconds") from None
    except subprocess.CalledProcessError as error:
        mismatch = [line for line in error.stderr.splitlines() if "mismatch" in line]
        raise _no_cluster(address, mismatch[-1] if mismatch else "the server that answers is not Ray") from None
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, getattr(error, "strerror", None) or error) from None


@contextlib.contextmanager
def _connected(executor):
    check(executor)
    import ray

    handler = signal.getsignal(signal.SIGTERM)
    variables = {}
    if "TF_ENABLE_ONEDNN_OPTS" in os.environ:
        # Ray's processes import TensorFlow before a task can settle which operations it computes with.
        variables["TF_ENABLE_ONEDNN_OPTS"] = os.environ["TF_ENABLE_ONEDNN_OPTS"]
    if not executor.gpus:
        # A task that asks for no GPU would see all of its node's.
        variables["CUDA_VISIBLE_DEVICES"] = ""
    try:
        ray.init(address=executor.address, log_to_driver=False, logging_level="error",
                 runtime_env={"py_modules": list(_PACKAGES), "excludes": ["__pycache__"], "env_vars": variables})
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(executor.address, str(error).strip().splitlines()[0]) from None
    # Ray has replaced the signal's handler by its own.
    signal.signal(signal.SIGTERM, handler)
    try:
        yield ray
    finally:
        ray.shutdown()


def _no_cluster(address, reason):
    return UserError(f"--ray_address={address}: no Ray cluster answers ({reason}); start one with `ray start --head` "
                     "and give the address that it prints")
