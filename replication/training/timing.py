"""The speed of training on this machine, from a few steps on random examples."""

import time

import keras
import numpy as np

from replication.catalog import DATASETS
from replication.weights import build_network

_STEPS = 3
# An example costs no less in larger batches.
LARGEST_BATCH = 256


def time_steps(run):
    """Seconds that plain training on batches like a run's takes for the gradient of one example.

    Batches have 256 examples at most. XLA is off, as its compilation would take longer than the steps: a run that
    uses it is faster.

    Args:
        run: A `configuration.Run`.
    """
    network = build_network(run)
    dataset = DATASETS[run.dataset]
    batch_size = min(run.batch_size, LARGEST_BATCH)
    generator = np.random.default_rng(0)
    inputs = generator.random((batch_size, *dataset.input_shape), dtype=np.float32)
    labels = generator.integers(run.classes or dataset.classes, size=batch_size)
    model = keras.Model(network.inputs, network.outputs)
    model.compile("adam", loss="sparse_categorical_crossentropy", jit_compile=False)
    # The first step compiles.
    model.train_on_batch(inputs, labels)
    began = time.perf_counter()
    for _ in range(_STEPS):
        model.train_on_batch(inputs, labels)
    return (time.perf_counter() - began) / (_STEPS * batch_size)
