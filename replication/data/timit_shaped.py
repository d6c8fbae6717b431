"""Generates a synthetic data set of TIMIT's shape, for users without a licence for TIMIT. It is not speech.

A hidden Markov chain with 1,973 states of unequal frequency emits frames of 40 dimensions. In 24 directions a frame is
the mean of its state plus white noise; in the other 16 it is a slow autoregressive process that is independent of the
state. A fixed rotation mixes all 40. A label is the state; an input consists of nine spliced frames, as in
`replication.data.timit`.

The process is known, and therefore the best possible classifier too, the exact posterior of the state. Its accuracy on
the first 100,000 test frames is 64.7 %, close to that of the paper's F2 on TIMIT's test set (64.0 %). Adjacent frames
have a correlation of about 0.63 in each dimension. The most frequent class has 2 % of the frames, the rarest 0.01 %.

One seed decides everything. An utterance depends only on its split and its number, so that a smaller set is the
beginning of a larger one. All processors generate the same bits, because frames come from NumPy's elementwise
arithmetic in a fixed order, without BLAS, whose rounding depends on the processor. (The tail of the normal distribution
is an exception, one number in 4,000: it uses a logarithm of the system's library, whose last bit of 53 almost never
affects the 24 that are kept.)
"""

import functools
import itertools

import numpy as np

from replication.catalog import DATASETS
from replication.data import cache
from replication.data.kaldi import FEATURE_DIM
from replication.data.timit import PAPER_SIZES, splice
from replication.errors import is_whole, require

DEFAULT_FRAMES = 50_000
_CLASSES = DATASETS["timit_shaped"].classes
_SEED = 1609
_SPLITS = {"training": 0, "test": 1}
_UTTERANCE_FRAMES = (100, 500)
_INFORMATIVE = 24
# The probability that a frame has the state of the one before: a state lasts 3 frames on average, as those of phones.
_STAY = 2 / 3
_MEANS_DEVIATION = 0.49
_SLOW_DEVIATION = 2.0
_SLOW_CORRELATION = 0.95


def prepare(folder, frames=DEFAULT_FRAMES):
    """Writes the arrays of the synthetic data set, utterance by utterance.

    Args:
        folder: The `pathlib.Path` of the cache, which is unchanged after an error.
        frames: Number of frames, default 50,000. The fraction of training frames is that of the paper, 70 %.

    Raises:
        UserError: `frames` is out of range, or the disk has too little room.
    """
    most = sum(PAPER_SIZES.values())
    require(is_whole(frames, 100) and frames <= most, "--frames", frames,
            f"a whole number from 100 to {most}, the frames of the paper's TIMIT")
    training_size = round(frames * PAPER_SIZES["training"] / most)
    resolved = DATASETS["timit_shaped"].resolve(training_size=training_size, test_size=frames - training_size)
    with cache.writing(folder, "timit_shaped", resolved) as arrays:
        for split, inputs, labels in (("training", *arrays[:2]), ("test", *arrays[2:])):
            start = 0
            for features, states in utterances(split, len(labels)):
                stop = start + len(states)
                inputs[start:stop] = splice(features)
                labels[start:stop] = states
                start = stop


def utterances(split, size):
    """Yields utterances of `size` frames in all; the last one is cut off.

    Args:
        split: "training" or "test".
        size: Number of frames.

    Yields:
        features: float32 [T, 40] with T between 100 and 500.
        labels: int32 [T], the state of each frame.
    """
    number = 0
    while size > 0:
        features, labels = _utterance(np.random.default_rng((_SEED, _SPLITS[split], number)))
        yield features[:size], labels[:size]
        size -= len(labels)
        number += 1


def _utterance(generator):
    prior, means, rotation = _process()
    size = int(generator.integers(*_UTTERANCE_FRAMES, endpoint=True))
    changes = generator.random(size) >= _STAY
    changes[0] = True
    drawn = generator.choice(_CLASSES, size=int(changes.sum()), p=prior)
    labels = drawn[np.cumsum(changes) - 1].astype(np.int32)
    informative = means[labels] + generator.standard_normal((size, _INFORMATIVE))
    innovations = generator.standard_normal((size, FEATURE_DIM - _INFORMATIVE))
    innovations[1:] *= np.sqrt(1 - _SLOW_CORRELATION ** 2)
    slow = innovations
    for before, here in itertools.pairwise(slow):
        here += _SLOW_CORRELATION * before
    mixed = _multiply(np.concatenate([informative, _SLOW_DEVIATION * slow], axis=1), rotation)
    return mixed.astype(np.float32), labels


def _multiply(vectors, rotation):
    """Multiplies two matrices, with sums in a fixed order that does not depend on a library."""
    product = np.zeros_like(vectors)
    for column, row in zip(vectors.T, rotation, strict=True):
        product += column[:, None] * row
    return product


@functools.cache
def _process():
    """Returns the frequencies of the states [1973], their means [1973, 24] and the rotation [40, 40]."""
    generator = np.random.default_rng(_SEED)
    # Zipf's law, shifted so that the largest state has 2 % of the frames, as in Kaldi's alignments.
    weights = 1 / (10 + generator.permutation(_CLASSES))
    means = _MEANS_DEVIATION * generator.standard_normal((_CLASSES, _INFORMATIVE))
    rotation, triangle = np.linalg.qr(generator.standard_normal((FEATURE_DIM, FEATURE_DIM)))
    # The last digits of LAPACK depend on the processor; six digits are enough for a rotation.
    return weights / weights.sum(), means, np.round(rotation * np.sign(np.diag(triangle)), 6)
