"""Replication of Keskar et al., "On Large-Batch Training for Deep Learning" (ICLR 2017)."""

import os

# Keras reads its backend once, when it is imported; this package needs TensorFlow's. A value that
# the user has set is left alone here, and refused by name where Keras is first needed.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
