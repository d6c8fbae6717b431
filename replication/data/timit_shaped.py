"""A synthetic stand-in of TIMIT's shape, for those without its licence. It is not speech.

A hidden Markov chain with 1,973 states of unequal frequency emits 40-dimensional frames: 24 directions
hold the mean of the state and white noise, the other 16 a slow autoregressive process that tells nothing
of the state, and a fixed rotation mixes all 40. A label is the state, an input nine spliced frames as in
`replication.data.timit`.

As the process is known, so is the best possible classifier of an input, the exact posterior of `teacher`.
Its accuracy on the first 100,000 test frames is 64.7 % (TEACHER_ACCURACY), about what the paper's F2
reaches on TIMIT's test set (64.0 %). Adjacent frames have a correlation of about 0.63
in each dimension; the most frequent
class has 2 % of the frames, the rarest 0.01 %.

Everything follows from one seed. An utterance is decided by its split and number alone, so that a smaller
set is the beginning of a larger one. Processors agree on every bit: frames come from NumPy's elementwise
arithmetic in a fixed order, without BLAS, which rounds differently from one processor to another. (The
normal distribution's tail is the exception, one number in 4,000: it takes a logarithm from the system's
library, whose last bit of 53 all but never reaches the 24 that are kept.)
"""

import functools
import itertools

import numpy as np

from replication import catalog, errors
from replication.data import cache
from replication.data.kaldi import FEATURE_DIM
from replication.data.timit import CONTEXT, PAPER_SIZES, splice

DEFAULT_FRAMES = 50_000
TEACHER_ACCURACY = 0.647

CLASSES = catalog.DATASETS["timit_shaped"].classes
_SEED = 1609
_SPLITS = {"training": 0, "test": 1}
_UTTERANCE_FRAMES = (100, 500)
_INFORMATIVE = 24
# Probability that the state of a frame is that of the frame before: 3 frames on average, as a state of a phone.
_STAY = 2 / 3
_MEANS_DEVIATION = 0.49
_SLOW_DEVIATION = 2.0
_SLOW_CORRELATION = 0.95


def prepare(folder, frames=DEFAULT_FRAMES):
    """Writes the arrays of the synthetic set, utterance by utterance.

    Args:
        folder: A `pathlib.Path`, that of the cache. It is as before after an error.
        frames: Frames of both splits together, which share them as in the paper (70 % for training).

    Raises:
        UserError: `frames` is out of range, or the disk has too little room.
    """
    most = sum(PAPER_SIZES.values())
    errors.require(errors.is_whole(frames, 100) and frames <= most, "--frames", frames,
                          f"a whole number from 100 to {most}, the frames of the paper's TIMIT")
    training_size = round(frames * PAPER_SIZES["training"] / most)
    known = catalog.DATASETS["timit_shaped"]
    description = catalog.Dataset(training_size, frames - training_size, known.input_shape, CLASSES, True)
    with cache.writing(folder, "timit_shaped", description) as arrays:
        for split, inputs, labels in (("training", *arrays[:2]), ("test", *arrays[2:])):
            start = 0
            for features, states in utterances(split, len(labels)):
                stop = start + len(states)
                inputs[start:stop] = splice(features)
                labels[start:stop] = states
                start = stop


def utterances(split, size):
    """Yields utterances until there are `size` frames; the last is cut off there.

    Args:
        split: "training" or "test".
        size: Number of frames.

    Yields:
        features: float32 [T, 40], T between 100 and 500.
        labels: int32 [T], the states.
    """
    number = 0
    while size > 0:
        features, labels = _utterance(np.random.default_rng((_SEED, _SPLITS[split], number)))
        yield features[:size], labels[:size]
        size -= len(labels)
        number += 1


def teacher(features):
    """The most probable label of each frame given what its input holds: the frames up to four away.

    Args:
        features: float32 [T, 40], the frames of one utterance.

    Returns:
        int64 [T].
    """
    prior, _, _ = _process()
    likelihood = _likelihoods(features)
    forward, backward = np.broadcast_to(prior, likelihood.shape), np.ones_like(likelihood)
    for _ in range(CONTEXT):
        # At the ends of the utterance there are no further frames to learn from.
        before, after = forward * likelihood, backward * likelihood
        before /= before.sum(axis=1, keepdims=True)
        forward = np.concatenate([prior[None], _STAY * before[:-1] + (1 - _STAY) * prior])
        after /= (after @ prior)[:, None]
        backward = np.concatenate([_STAY * after[1:] + (1 - _STAY), np.ones((1, CLASSES))])
    return np.argmax(forward * likelihood * backward, axis=1)


def _utterance(generator):
    prior, means, rotation = _process()
    size = int(generator.integers(*_UTTERANCE_FRAMES, endpoint=True))
    changes = generator.random(size) >= _STAY
    changes[0] = True
    drawn = generator.choice(CLASSES, size=int(changes.sum()), p=prior)
    labels = drawn[np.cumsum(changes) - 1].astype(np.int32)
    telling = means[labels] + generator.standard_normal((size, _INFORMATIVE))
    innovations = generator.standard_normal((size, FEATURE_DIM - _INFORMATIVE))
    innovations[1:] *= np.sqrt(1 - _SLOW_CORRELATION ** 2)
    slow = innovations
    for before, here in itertools.pairwise(slow):
        here += _SLOW_CORRELATION * before
    mixed = _rotated(np.concatenate([telling, _SLOW_DEVIATION * slow], axis=1), rotation)
    return mixed.astype(np.float32), labels


def _rotated(vectors, rotation):
    """The product of two matrices, summed in an order that no library chooses."""
    product = np.zeros_like(vectors)
    for column, row in zip(vectors.T, rotation, strict=True):
        product += column[:, None] * row
    return product


def _likelihoods(features):
    """p(frame | state) up to a factor of each frame, float64 [T, 1973]."""
    _, means, rotation = _process()
    telling = (features.astype(np.float64) @ rotation.T)[:, :_INFORMATIVE]
    logarithm = telling @ means.T - (means ** 2).sum(axis=1) / 2
    return np.exp(logarithm - logarithm.max(axis=1, keepdims=True))


@functools.cache
def _process():
    """Frequencies of the states [1973], their means [1973, 24], and the rotation [40, 40]."""
    generator = np.random.default_rng(_SEED)
    # Zipf's law, shifted so that no state has more than 2 % of the frames, as Kaldi's largest have.
    weights = 1 / (10 + generator.permutation(CLASSES))
    means = _MEANS_DEVIATION * generator.standard_normal((CLASSES, _INFORMATIVE))
    rotation, triangle = np.linalg.qr(generator.standard_normal((FEATURE_DIM, FEATURE_DIM)))
    # LAPACK's last digits are the processor's; six are enough for a rotation.
    return weights / weights.sum(), means, np.round(rotation * np.sign(np.diag(triangle)), 6)
