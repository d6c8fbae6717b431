"""The frame of every entry script: one line and exit code 1 for errors that a user can mend.

After SIGINT (Ctrl-C) or SIGTERM a script ends within its present step, with one line and the exit code of shells, 128 +
the signal's number: 130 or 143.

Entry scripts import TensorFlow inside `main`, so that `--help` and a wrong flag answer at once.
"""

import atexit
import contextlib
import json
import os
import pathlib
import signal
import sys

from absl import app, flags, logging

from replication import machine
from replication.errors import UserError

EXIT_ERROR = 1
_SECONDS_TO_RAISE_AGAIN = 1

# At the import of this module, because a process that a script spawns imports the script's module and then TensorFlow.
machine.prepare_tensorflow()


def run(main):
    """Parses the flags and runs `main(argv)`; its return value, if any, is the exit code."""
    if sys.stdout is None:
        # It was closed by the caller, as by `>&-` in a shell.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    # `--help` lists the flags of the script's own module only; ours are defined in the package flags.
    for module, defined in flags.FLAGS.flags_by_module_dict().items():
        if module.startswith("flags."):
            for flag in defined:
                flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    app.run(lambda argv: _guarded(main, argv))


def _guarded(main, argv):
    # TensorFlow takes a GPU's memory as it needs it, so that others can use the rest.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    machine.log_plainly()
    # Results hold letters that some terminals and pipes lack, such as ε.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    received = []
    try:
        with _raising_at_signals(received, signal.SIGINT, signal.SIGTERM):
            if len(argv) > 1:
                raise UserError(f"{argv[1]!r}: not understood; options start with --, see --help")
            check_backend()
            check_keras_configuration()
            result = main(argv)
            sys.stdout.flush()
            return result
    except UserError as error:
        return _fail(error)
    except BrokenPipeError:
        # The reader, such as `head`, has closed the pipe.
        _drop_output()
        return EXIT_ERROR
    except MemoryError as error:
        return _fail(f"not enough memory: {error}")
    except OSError as error:
        if error.filename is None:
            if error.errno is not None and (problem := _output_problem()):
                return _fail(problem)
            raise
        return _fail(f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        _fail("interrupted; the same command goes on from what is on disk")
        _leave(128 + received[0])


def _leave(code):
    """Ends the process as Python does, but for the destructors of TensorFlow, whose threads may be amid a step."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _output_problem():
    """Returns why standard output cannot be written; None if it takes another line."""
    try:
        print(flush=True)
    except OSError as error:
        _drop_output()
        return f"standard output: {error.strerror}"
    return None


def _drop_output():
    """Has the interpreter, which flushes once more at its end, write to nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def progress():
    """Returns Keras's `verbose`: a bar on a terminal, a line for each epoch elsewhere."""
    return 1 if sys.stdout.isatty() else 2


def resolve_jit_compile(mode, network):
    """Calls `training.jit_compile`; imports TensorFlow only then, after the other flags have been checked."""
    from replication.training import jit_compile

    return jit_compile(mode, network)


def available_devices():
    """Returns the number of GPUs of this machine; imports TensorFlow only when it is called."""
    from replication.devices import available

    return available()


def report_problems(problems):
    """Ends a script that has done all that it could, with one line for each problem.

    Raises:
        UserError: `problems` is not empty; its message is the last problem, and the others are logged.
    """
    *others, last = dict.fromkeys(problems) or [None]
    for problem in others:
        logging.error("%s", problem)
    if last is not None:
        raise UserError(last)


def check_backend():
    """Raises a UserError unless the environment selects Keras 3 on TensorFlow."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise UserError(f"KERAS_BACKEND={backend}: this package needs Keras on TensorFlow; "
                        "unset the variable or set KERAS_BACKEND=tensorflow")
    legacy = os.environ.get("TF_USE_LEGACY_KERAS", "")
    if legacy.lower() in ("1", "true"):
        raise UserError(f"TF_USE_LEGACY_KERAS={legacy}: this package needs Keras 3; unset the variable")
    for name in ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"):
        if os.environ.get(name):
            raise UserError(f"{name}={os.environ[name]}: Keras would end runs before their end; unset the variable")


def check_keras_configuration():
    """Raises a UserError if the user's keras.json would build other networks from the same configurations."""
    path = pathlib.Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"), "keras.json")
    try:
        chosen = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    for name, needed in (("floatx", "float32"), ("image_data_format", "channels_last")):
        if isinstance(chosen, dict) and chosen.get(name, needed) != needed:
            raise UserError(f"{path}: {name}={chosen[name]!r}: this package needs {needed!r}; change it there, or set "
                            "KERAS_HOME to another folder")


def _fail(message):
    print(f"error: {message}", file=sys.stderr)
    return EXIT_ERROR


@contextlib.contextmanager
def _raising_at_signals(received, *numbers):
    """Opens a block that the first of these signals ends by KeyboardInterrupt; a second one ends the process at once.

    Python drops an exception that is raised inside a destructor or a weak reference's callback, and libraries may turn
    it into another error. The interrupt is therefore raised again every second, and any error that ends the block after
    a signal counts as the interrupt.

    Args:
        received: List to which the signal's number is appended.
        *numbers: The signals.
    """
    def interrupt(number, frame):
        for each in numbers:
            signal.signal(each, signal.SIG_DFL)
        received.append(number)
        # A dropped exception is raised again, so the user need not see it.
        sys.unraisablehook = lambda unraisable: None
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, interrupt_again)
            signal.setitimer(signal.ITIMER_REAL, _SECONDS_TO_RAISE_AGAIN, _SECONDS_TO_RAISE_AGAIN)
        raise KeyboardInterrupt

    def interrupt_again(number, frame):
        # An interrupt that is being handled already is left alone, so that cleaning up takes the time it needs.
        if not _comes_of_interrupt(sys.exception()):
            raise KeyboardInterrupt

    try:
        for each in numbers:
            signal.signal(each, interrupt)
        yield
    except BaseException:
        if not received:
            raise
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
    if received:
        raise KeyboardInterrupt


def _comes_of_interrupt(error):
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None
