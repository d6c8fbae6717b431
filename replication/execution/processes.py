"""Carries out tasks in several processes of this machine, which divide its processors and memory."""

import collections
import os

from absl import logging

from replication.errors import MissingDataError, UserError
from replication.execution.footprint import fitting_processes
from replication.execution.local import load_all
from replication.execution.scheduling import Schedule
from replication.execution.worker import Died, Worker, wait_for_any
from replication.machine import processors

# How often a task is tried again whose process has died, as for want of memory.
RETRIES = 2


def execute(tasks, workdir, *, jobs, data_dir=None, begin=None):
    """Makes what is not on disk yet, several tasks at a time.

    A task that fails does not stop the others, except for want of its data. One whose process dies is tried again.

    Args:
        tasks, workdir, data_dir, begin: As in `local.execute`.
        jobs: Processes at the same time, fewer where the memory does not hold so many. Each computes with an equal
            share of the processors, and with one of the GPUs in turn.

    Returns:
        One line for each task that failed, in order.

    Raises:
        MissingDataError: a data set is not prepared; nothing has been started then.
        RuntimeError: a task raised what is no mistake of the user's; the message is its traceback.
    """
    jobs = max(1, min(jobs, len(tasks)))
    number = fitting_processes(jobs, tasks, load_all(tasks, data_dir))
    if number < jobs:
        logging.warning("--jobs=%d: the memory has room for %d at a time", jobs, number)
    threads, gpus = max(1, processors() // number), _gpus()
    workers = [Worker(workdir.path, data_dir, threads=threads, gpu=gpus[i % len(gpus)] if gpus else None)
               for i in range(number)]
    try:
        return _share_out(tasks, workers, begin)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def _share_out(tasks, workers, begin):
    schedule, deaths = Schedule(tasks), collections.Counter()
    idle, busy = list(workers), {}
    while True:
        while idle and (number := schedule.begin()) is not None:
            if begin is not None:
                begin(number)
            worker = idle.pop()
            worker.begin(tasks[number], wait=schedule.waits(number))
            busy[worker] = number
        if not busy:
            return schedule.failures()
        for worker in wait_for_any(busy):
            number = busy[worker]
            try:
                error = worker.outcome()
            except Died as death:
                deaths[number] += 1
                if deaths[number] <= RETRIES:
                    logging.warning("%s: %s; it is tried again", tasks[number].title, death)
                    worker.begin(tasks[number], wait=True)
                    continue
                error = UserError(f"{tasks[number].title}: {death}, {deaths[number]} times; where memory is short, "
                                  "fewer --jobs may help")
            del busy[worker]
            idle.append(worker)
            if isinstance(error, MissingDataError):
                raise error
            schedule.settle(number, error)


def _gpus():
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import tensorflow as tf

    number = len(tf.config.list_physical_devices("GPU"))
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return named.split(",")[:number] if named else [str(i) for i in range(number)]
