"""Processes forked from a server that has imported TensorFlow and computed nothing: a start takes no time."""

import multiprocessing
import os
import sys
import traceback


def context():
    """Returns the `multiprocessing` context of such processes."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["tests.preloaded"])
    return found


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


def run(target, arguments, *, stdout, stderr, timeout=300):
    """Runs a function with its output in two files and returns the exit code of its process."""
    process = context().Process(target=_redirected, args=(target, arguments, stdout, stderr))
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"{target.__name__}{arguments}: still running after {timeout} seconds")
    return process.exitcode


def _send(sending, function, arguments):
    try:
        sending.send((True, function(*arguments)))
    except Exception:
        sending.send((False, traceback.format_exc()))


def _redirected(target, arguments, stdout, stderr):
    sys.stdout.flush()
    sys.stderr.flush()
    for number, path in ((1, stdout), (2, stderr)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    target(*arguments)
