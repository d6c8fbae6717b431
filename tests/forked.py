"""Processes forked from a server that has imported TensorFlow and computed nothing: a start takes no time.

Where a system cannot fork, they are started anew.
"""

import multiprocessing
import multiprocessing.forkserver
import os
import pathlib
import sys
import tempfile
import traceback


def context():
    """Returns the `multiprocessing` context of such processes."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["tests.preloaded"])
    return found


def nested():
    """Returns the context in which a forked process forks from the same server."""
    # It knows the server's address, and would start another one.
    multiprocessing.forkserver._forkserver.ensure_running = lambda: None
    return context()


def call(function, *arguments):
    """Returns what a function of a module returns in a process of its own, which all libraries see as a fresh one."""
    receiving, sending = context().Pipe(duplex=False)
    process = context().Process(target=_send, args=(sending, function, arguments))
    process.start()
    sending.close()
    try:
        succeeded, found = receiving.recv()
    except EOFError:
        succeeded, found = False, "it died"
    process.join()
    assert succeeded, found
    return found


class Child:
    """A process that calls a function of a module, with its output in files.

    Args:
        function, arguments: As above.
        environment: Variables to add to its environment.
        leads: Whether it leads a process group of its own, as what is started at a terminal does.
    """

    def __init__(self, function, *arguments, environment=None, leads=False):
        self._folder = tempfile.TemporaryDirectory()
        self._files = [pathlib.Path(self._folder.name, name) for name in ("stdout", "stderr")]
        self._process = context().Process(
            target=_redirected, args=(function, arguments, environment or {}, leads, self._files))
        self._process.start()
        self.pid = self._process.pid

    def poll(self):
        """Returns the exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def kill(self):
        """Kills it and waits for its end."""
        self._process.kill()
        self._process.join()

    def communicate(self, timeout=900):
        """Waits for its end; returns its standard output and error."""
        self._process.join(timeout)
        if self.poll() is None:
            self.kill()
            raise TimeoutError(f"still running after {timeout} seconds: {self._texts()}")
        return self._texts()

    def _texts(self):
        return tuple(file.read_text() if file.exists() else "" for file in self._files)


def _send(sending, function, arguments):
    try:
        sending.send((True, function(*arguments)))
    except Exception:
        sending.send((False, traceback.format_exc()))


def _redirected(function, arguments, environment, leads, paths):
    if leads:
        os.setsid()
    for number, path in enumerate(paths, 1):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    # Python's own streams write at once where a user's terminal would show it.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)
    os.environ.update(environment)
    function(*arguments)
