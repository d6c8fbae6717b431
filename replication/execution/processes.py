"""Carries out tasks in several processes of this machine, which divide its processors and memory."""

import collections
import functools
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
import traceback

from absl import flags, logging

from replication import data
from replication.errors import MissingDataError, UserError
from replication.execution import local
from replication.execution.estimate import fitting_processes
from replication.execution.local import Schedule, load_all, run_task
from replication.execution.tasks import pending
from replication.machine import find_devices, log_plainly, share_of_processors, use_threads

# The number of times that a task is tried again after its process has died, for instance for lack of memory.
RETRIES = 2
# A process ends within one step of its task. Python drops an exception that a signal raises inside a destructor, so
# that a process may have to be asked again; one that does not end then is killed.
_SECONDS_TO_END = 5
_TIMES_ASKED = 6


def execute(found, workdir, *, jobs, data_dir=None, begin=None, end=None, meanwhile=None):
    """Carries out the tasks that are not on disk yet, several at a time.

    A task that fails does not stop the others, unless its data are missing. A task whose process dies is tried again.

    Args:
        found, workdir, data_dir, begin, end, meanwhile: See `local.execute`.
        jobs: Number of processes at the same time; fewer if the memory does not hold so many, or fewer tasks are left.
            Each computes with 1/jobs of the processors in any case, because results depend on the number of threads,
            and with one of the GPUs in turn.

    Returns:
        One line for each task that failed, in order.

    Raises:
        MissingDataError: a data set is not prepared; nothing has been started then.
        RuntimeError: a task raised an error that is not the user's; the message is its traceback.
    """
    left = pending(found, workdir)
    if not left:
        return local.execute(found, workdir, data_dir=data_dir, begin=begin, end=end, meanwhile=meanwhile)
    wanted = min(jobs, len(left))
    number = fitting_processes(wanted, left, load_all(left, data_dir))
    if number < wanted:
        logging.warning("--jobs=%d: the memory has room for %d at a time, each with the threads of one of %d", wanted,
                        number, jobs)
    threads, gpus = share_of_processors(jobs), _gpus()
    workers = [Worker(workdir.path, data_dir, threads=threads, gpu=gpus[i % len(gpus)] if gpus else None)
               for i in range(number)]
    try:
        return _distribute(found, workers, begin, end, meanwhile)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def _distribute(found, workers, begin, end, meanwhile):
    schedule, deaths = Schedule(found), collections.Counter()
    idle, busy = list(workers), {}
    while True:
        while idle and (number := schedule.begin()) is not None:
            if begin is not None:
                begin(number)
            worker = idle.pop()
            worker.begin(found[number], wait=schedule.waits(number))
            busy[worker] = number
        if meanwhile is not None:
            meanwhile()
        if not busy:
            return schedule.failures()
        for worker in wait_for_any(busy):
            number = busy[worker]
            try:
                error = worker.outcome()
            except Died as death:
                deaths[number] += 1
                if deaths[number] <= RETRIES:
                    logging.warning("%s: %s; it is tried again", found[number].title, death)
                    worker.begin(found[number], wait=True)
                    continue
                error = UserError(f"{found[number].title}: {death}, {deaths[number]} times; where memory is short, "
                                  "fewer --jobs may help")
            del busy[worker]
            idle.append(worker)
            if isinstance(error, MissingDataError):
                raise error
            schedule.end(number, error)
            if end is not None:
                end(number)


def _gpus():
    """Returns the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import tensorflow as tf

    number = len(tf.config.list_physical_devices("GPU"))
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return named.split(",")[:number] if named else [str(i) for i in range(number)]


class Died(Exception):
    """A process ended in the middle of its task; the message says how."""


class Worker:
    """A process that carries out one task after the other. It starts with its first task, and again after it has died.

    It is spawned, because a fork of a process that has computed with TensorFlow hangs.

    Args:
        folder: Path of the workdir.
        data_dir: TFDS's folder; None for its default.
        threads: Number of threads within an operation.
        gpu: The GPU that it sees, as CUDA_VISIBLE_DEVICES names it; None for those that this process sees.
    """

    def __init__(self, folder, data_dir, *, threads, gpu=None):
        self._settings = folder, data_dir, threads, gpu, logging.get_verbosity()
        self._process = None
        self._connection = None

    def begin(self, task, *, wait):
        """Gives it a task; for `wait` see `run_task`."""
        if self._process is None or not self._process.is_alive():
            self._start()
        try:
            self._connection.send((task, wait))
        except OSError:
            # It has just died; `outcome` raises the error.
            logging.debug("a process died before its task")

    def outcome(self):
        """Waits for the end of its last task and returns the result of `run_task`.

        Raises:
            Died: the process ended before the task did.
            RuntimeError: the task raised an error that is not the user's; the message is its traceback.
        """
        try:
            result = self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            raise Died(f"its process died ({how})") from None
        if isinstance(result, str):
            raise RuntimeError(result)
        return result

    def terminate(self):
        """Asks it to end within its present step."""
        if self._process is not None:
            self._connection.close()
            self._process.terminate()

    def join(self):
        """Waits for its end after `terminate`."""
        if self._process is not None:
            for _ in range(_TIMES_ASKED):
                self._process.join(_SECONDS_TO_END)
                self._process.terminate()
            self._process.kill()
            self._process.join()

    def _start(self):
        context = multiprocessing.get_context("spawn")
        self._connection, far = context.Pipe()
        process = context.Process(target=_work, args=(far, *self._settings), daemon=True)
        process.start()
        self._process = process
        # Then its death ends the connection.
        far.close()

    def fileno(self):
        """The file descriptor of its connection, which `wait_for_any` waits on."""
        return self._connection.fileno()


def wait_for_any(workers):
    """Waits until at least one of some workers has an `outcome`, and returns those that have one."""
    return multiprocessing.connection.wait(list(workers))


def _work(connection, folder, data_dir, threads, gpu, verbosity):
    # An interrupt at the terminal reaches the parent process as well, which ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # This process has no command line; absl would complain of that before the first line.
    flags.FLAGS.mark_as_parsed()
    log_plainly()
    logging.set_verbosity(verbosity)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    find_devices()
    use_threads(threads)
    load = functools.lru_cache(maxsize=1)(data.load)
    while True:
        try:
            task, wait = connection.recv()
        except EOFError:
            # `terminate` sends a signal as well, which must not interrupt the end of the process.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            return
        try:
            result = run_task(task, folder, data_dir=data_dir, wait=wait, load=load)
        except UserError as error:
            result = error
        except Exception:
            result = f"{task.title}:\n{traceback.format_exc()}"
        connection.send(result)


def _end_with_parent():
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    for _ in range(_TIMES_ASKED):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_SECONDS_TO_END)
    os._exit(1)
