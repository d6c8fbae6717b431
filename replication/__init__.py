"""Replication of Keskar et al., "On Large-Batch Training for Deep Learning" (ICLR 2017)."""

import os

__version__ = "0.3.0"

# Keras reads its backend once, when it is imported, and this package needs TensorFlow. A backend that the user has
# chosen stays here; the code that needs Keras first refuses it by name.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
