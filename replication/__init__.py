"""Replication of Keskar et al., "On Large-Batch Training for Deep Learning" (ICLR 2017)."""

import importlib.util
import os
import pathlib

__version__ = "0.3.0"

# Keras reads its backend once, when it is imported, and this package needs TensorFlow. A backend that the user has
# chosen stays here; the code that needs Keras first refuses it by name.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

_models = getattr(importlib.util.find_spec("models"), "origin", None)
if _models is None or not pathlib.Path(_models).with_name("recomputation.py").exists():
    raise ImportError(f"the package `models` of large-batch-replication is hidden by another one ({_models}); rename "
                      "that one, or put it behind this package on the path")
