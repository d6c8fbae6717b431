"""A stand-in for PyTorch's side of a benchmark."""

import os
import signal
import sys
import time


class Fake:
    def __init__(self, fails=False):
        if fails:
            raise RuntimeError("no library\nof that name")

    def modules(self):
        return sorted({name.partition(".")[0] for name in sys.modules})

    def sleep(self, seconds):
        time.sleep(seconds)
        return bytes(10_000_000)

    def die(self):
        os.kill(os.getpid(), signal.SIGSEGV)

    def fail(self):
        raise ValueError("wrong shape")
