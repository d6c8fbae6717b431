"""The console scripts keskar-NAME: each runs an entry script as `python -m replication.NAME` does."""

import functools
import runpy

SCRIPTS = (
    "make_report", "measure_sharpness", "plot_parametric", "prepare_data", "reproduce", "train", "tune", "verify")


def __getattr__(name):
    if name not in SCRIPTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return functools.partial(runpy.run_module, f"replication.{name}", run_name="__main__", alter_sys=True)
