"""A process that carries out one task after the other for another process."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
import traceback

from absl import logging

from replication.errors import UserError
from replication.execution.attempt import attempt
from replication.machine import quiet_tensorflow, use_threads

# A process ends within one step of its task. Python drops what a signal raises inside a destructor, so that one may
# have to be asked again; one that does not end then is ended the hard way.
_SECONDS_TO_END = 5
_TIMES_ASKED = 6


class Died(Exception):
    """A process ended in the middle of its task; the message says how."""


class Worker:
    """A process that is started when it gets its first task, and again after it has died.

    Started afresh and not forked: a fork of a process that has computed with TensorFlow hangs.

    Args:
        workdir: The folder's path.
        data_dir: TFDS's folder; None for its default.
        threads: Threads within an operation.
        gpu: The GPU that it sees, as in CUDA_VISIBLE_DEVICES; None for what this process sees.
    """

    def __init__(self, workdir, data_dir, *, threads, gpu=None):
        self._settings = workdir, data_dir, threads, gpu, logging.get_verbosity()
        self._process = None
        self._connection = None

    def begin(self, task, *, wait):
        """Gives it a task; `wait` as in `Task.execute`."""
        if self._process is None or not self._process.is_alive():
            self._start()
        try:
            self._connection.send((task, wait))
        except OSError:
            # It has just died, and `outcome` tells.
            logging.debug("a process died before its task")

    def outcome(self):
        """What `attempt` returned for the task that it was given last; waits for its end.

        Raises:
            Died: the process ended before.
            RuntimeError: the task raised what is no mistake of the user's; the message is its traceback.
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
        """Asks it to end within the step it is in."""
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
        self._process = context.Process(target=_work, args=(far, *self._settings), daemon=True)
        self._process.start()
        # So that its death is the end of the connection.
        far.close()

    def fileno(self):
        """For `wait_for_any`."""
        return self._connection.fileno()


def wait_for_any(workers):
    """Those of some workers whose `outcome` is there, at least one."""
    return multiprocessing.connection.wait(list(workers))


def _work(connection, workdir, data_dir, threads, gpu, verbosity):
    # The other process is told of an interrupt at the terminal and ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.use_absl_handler()
    logging.set_verbosity(verbosity)
    quiet_tensorflow()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    use_threads(threads)
    while True:
        try:
            task, wait = connection.recv()
        except EOFError:
            return
        try:
            result = attempt(task, workdir, data_dir=data_dir, wait=wait)
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
