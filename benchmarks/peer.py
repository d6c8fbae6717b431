"""A peer in a process of its own: PyTorch and TensorFlow cannot share one if both bring CUDA's libraries."""

import contextlib
import dataclasses
import importlib
import multiprocessing
import signal
import time


class Died(Exception):
    """The peer's process ended by itself, or its object raised an error; the message says how in a few words."""


@dataclasses.dataclass(frozen=True)
class Timed:
    """The seconds that a call took in the peer's process."""

    seconds: float


class Peer:
    """An object that is made and called in a process of its own, which ends with this one.

    Args:
        module: Name of the module that the process imports.
        name: The class or function in it that makes the object.
        *arguments, **options: Its arguments, which are pickled.

    Raises:
        Died: the object cannot be made.
    """

    def __init__(self, module, name, *arguments, **options):
        context = multiprocessing.get_context("spawn")
        self._connection, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(far, module, name), daemon=True)
        self._process.start()
        far.close()
        self._ask(arguments, options)

    def call(self, method, *arguments):
        """Returns the result of a method of the object; raises `Died`."""
        return self._ask(method, arguments, True)[0]

    def time(self, method, *arguments):
        """Returns as `Timed` how long a method takes there; its result stays there. Raises `Died`."""
        return Timed(self._ask(method, arguments, False)[1])

    def close(self):
        """Ends the process; `contextlib.closing` does so at the end of a block."""
        self._connection.close()
        self._process.terminate()
        self._process.join()

    def _ask(self, *question):
        try:
            self._connection.send(question)
            answer = self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode
            raise Died(f"died: {signal.Signals(-code).name if code < 0 else f'exit code {code}'}") from None
        if isinstance(answer, str):
            raise Died(f"failed: {answer}")
        return answer


def _serve(connection, module, name):
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        arguments, options = connection.recv()
        try:
            made = getattr(importlib.import_module(module), name)(*arguments, **options)
            connection.send((None, 0.0))
            while True:
                method, arguments, wanted = connection.recv()
                began = time.perf_counter()
                result = getattr(made, method)(*arguments)
                elapsed = time.perf_counter() - began
                connection.send((result if wanted else None, elapsed))
        except (EOFError, OSError):
            raise
        except Exception as error:
            connection.send(f"{type(error).__name__}: {error}".splitlines()[0])
