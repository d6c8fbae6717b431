"""Processes that do what a user's do and meet with a fault, see `tests.forked`."""

import contextlib
import itertools
import os
import random
import resource
import shutil
import signal
import time

from replication import data, execution, machine, records, training
from replication.landscape import paths, steepness
from replication.report import figures, make_report
from replication.sharpness import Objective, metric
from replication.training import state
from replication.weights import build_network, save_weights
from tests import forked
from tests.execution import runs

# Bytes: a configuration is larger, the weights, and the state of a training.
WRITE_LIMITS = (400, 60_000, 200_000)
_OPERATIONS = ((os, "replace"), (os, "fsync"), (os, "unlink"), (os, "chmod"), (shutil, "rmtree"))


def start(function, *arguments, fault=None):
    """Starts `function(*arguments)`, a function of this module, in a child; its exit code is 0 where it returned None.

    Args:
        function, arguments: As above.
        fault: None, or a function of this module with its arguments, called first in the child.
    """
    child = forked.context().Process(target=_run, args=(function, arguments, fault))
    child.start()
    return child


def undisturbed(function, *arguments):
    """Runs it to its end, which must be good."""
    child = start(function, *arguments)
    child.join()
    assert child.exitcode == 0


def _run(function, arguments, fault):
    # What libraries say of their end is not ours to show.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    if fault is not None:
        fault[0](*fault[1:])
    os._exit(0 if function(*arguments) is None else 1)


def replicate(path, log=None, tasks=runs.TASKS):
    """Runs a replication in one process, with the threads of one of two; what is computed leaves a line in `log`."""
    machine.use_threads(max(1, machine.processors() // 2))
    if log is not None:
        _log_calls(log, training.run._Training, "finish")
        for module in (metric, paths, steepness):
            _log_calls(log, module, "compute", module.__name__.rpartition(".")[2])
    return "\n".join(execution.execute(tasks, records.Workdir.create(path))) or None


def save(path):
    """Saves weights."""
    save_weights(build_network(runs.LARGE), path)


def report(path):
    """Makes the report, with figures that are empty."""
    figures.render = lambda plot, *, formats=figures.FORMATS, style=None: dict.fromkeys(formats, b"<svg/>")
    make_report(records.Workdir.open(path))


def prepare(folder, frames):
    """Prepares a data set."""
    data.prepare("timit_shaped", folder, frames=frames)


def refused(function, arguments, answer):
    """Leaves in the file `answer` what another function of this module returns or raises."""
    try:
        text = str(function(*arguments))
    except (ValueError, OSError) as error:
        text = str(error)
    with open(answer, "w", encoding="utf-8") as file:
        file.write(text)


def kill_at_operation(number, before):
    """The process is killed at so many-th operation on the file system, before it or after it."""
    counter = itertools.count(1)
    for module, name in _OPERATIONS:
        _make_deadly(module, name, counter, number, before)


def kill_in_pass(number):
    """The process is killed in the middle of a measurement, in its so many-th pass with gradients."""
    counter = itertools.count(1)
    _make_deadly(Objective, "value_and_gradient", counter, number, True)


def kill_after_epoch(number):
    """The process is killed once the state after so many epochs is saved."""
    save = state.SaveState.on_epoch_end

    def save_and_die(self, epoch, logs=None):
        save(self, epoch, logs)
        if epoch + 1 == number:
            os.kill(os.getpid(), signal.SIGKILL)

    state.SaveState.on_epoch_end = save_and_die


def kill_in_write(size):
    """The process is killed where a file would grow beyond so many bytes: in the middle of a write."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    # Which would be killed before a write of weights begins.
    del os.posix_fallocate
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    refuse_writes(size)


def refuse_writes(size):
    """The system refuses to let a file grow beyond so many bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def run_clock_backwards():
    """Every look at the clock finds it an hour earlier."""
    hours = itertools.count()
    time.time = lambda: 2e9 - 3600 * next(hours)


def kill_after(child, seconds):
    """Kills a child from outside after so many seconds."""
    child.join(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGKILL)
    child.join()


def random_fault(generator: random.Random):
    """One of the ways above to be killed, for `start`, and seconds for `kill_after`, one of them None."""
    kind = generator.randrange(4)
    if kind == 0:
        return (kill_in_write, generator.choice(WRITE_LIMITS)), None
    if kind == 1:
        return None, generator.uniform(0.5, 6)
    return (kill_at_operation, generator.randint(2, 12), generator.random() < 0.5), None


def _log_calls(log, owner, name, line=None):
    original = getattr(owner, name)

    def logged(*arguments, **options):
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{line or name}\n")
        return original(*arguments, **options)

    setattr(owner, name, logged)


def _make_deadly(owner, name, counter, number, before):
    operation = getattr(owner, name)

    def deadly(*arguments, **options):
        reached = next(counter) == number
        if reached and before:
            os.kill(os.getpid(), signal.SIGKILL)
        result = operation(*arguments, **options)
        if reached:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)
