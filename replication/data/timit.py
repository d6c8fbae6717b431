"""Prepares TIMIT as the paper's F2 uses it: spliced fMLLR frames and pdf ids from Kaldi's recipe.

The folder that `prepare` reads has subfolders `train` and `test` with the files that `replication.data.kaldi` lists.
An input consists of a frame, the four frames before it and the four after it, 9 x 40 = 360 numbers. At the edges of an
utterance its first or last frame is repeated, as in Kaldi's splice-feats. A label is the pdf id of the middle frame.

The paper has 721,329 training and 310,621 test frames of 1,973 classes. Other sizes cause a warning. The number of
classes, which the output layer has units for, is the largest pdf id plus one.
"""

import numpy as np
from absl import logging

from replication import catalog
from replication.data import cache
from replication.data.kaldi import FEATURE_DIM, Split
from replication.errors import UserError

CONTEXT = 4
PAPER_SIZES = {"training": 721_329, "test": 310_621}
# Relative to the mean; a dimension with a smaller standard deviation is constant, apart from rounding.
_SMALLEST_DEVIATION = 1e-6


def prepare(kaldi_dir, folder, *, normalize_speakers=False):
    """Writes the arrays of TIMIT from a folder of Kaldi's, utterance by utterance.

    Args:
        kaldi_dir: A `pathlib.Path` with the folders `train` and `test`.
        folder: The `pathlib.Path` of the cache, which is unchanged after an error.
        normalize_speakers: Whether to normalize each of the 40 dimensions to mean 0 and variance 1 over all frames of
            a speaker in the same split, before splicing; default False.

    Raises:
        UserError: a file is missing, damaged or refused, or the sets have an utterance in common; the message names the
            file and the utterance.
    """
    if not kaldi_dir.is_dir():
        raise UserError(f"--kaldi_dir={kaldi_dir}: no such folder; BUILD.md tells how Kaldi makes it")
    training, test = (Split(kaldi_dir / name) for name in ("train", "test"))
    if both := [utterance for utterance in test.labels if utterance in training.labels]:
        raise UserError(f"{kaldi_dir}: utterance {both[0]} ({len(both)} in all) is in train and in test; give two sets "
                        "that have none in common")
    resolved = catalog.DATASETS["timit"].resolve(
        training_size=training.frames, test_size=test.frames, classes=_count_classes(training, test))
    _compare_sizes(resolved)
    details = {"normalize_speakers": normalize_speakers}
    with cache.writing(folder, "timit", resolved, details=details) as arrays:
        for split, inputs, labels in ((training, *arrays[:2]), (test, *arrays[2:])):
            _fill(split, inputs, labels, normalize_speakers=normalize_speakers)


def splice(features):
    """Concatenates each frame with the four frames before it and the four after it.

    Args:
        features: float32 [T, d], the frames of one utterance.

    Returns:
        float32 [T, 9 d]: frames t - 4 ... t + 4 in this order; the first and the last frame are repeated beyond the
        edges.
    """
    size, dimension = features.shape
    frames = np.arange(size)[:, None] + np.arange(-CONTEXT, CONTEXT + 1)
    return features[frames.clip(0, size - 1)].reshape(size, (2 * CONTEXT + 1) * dimension)


def _fill(split, inputs, labels, *, normalize_speakers):
    statistics = _speaker_statistics(split) if normalize_speakers else None
    start = 0
    for utterance, features in split.features():
        if statistics:
            mean, scale = statistics[utterance]
            features = ((features - mean) * scale).astype(np.float32)
        stop = start + len(features)
        inputs[start:stop] = splice(features)
        labels[start:stop] = split.labels[utterance]
        start = stop


def _speaker_statistics(split):
    """Returns for each utterance its speaker's mean and inverse standard deviation, float64 [40] each."""
    speakers = split.speakers()
    sums = {speaker: np.zeros((3, FEATURE_DIM)) for speaker in speakers.values()}
    for utterance, features in split.features():
        count, mean, squares = sums[speakers[utterance]]
        # Chan's formula avoids the cancellation in a difference of sums of squares.
        size = len(features)
        utterance_mean = features.mean(axis=0, dtype=np.float64)
        shift = utterance_mean - mean
        squares += ((features - utterance_mean) ** 2).sum(axis=0) + shift ** 2 * count * size / (count + size)
        mean += shift * size / (count + size)
        count += size
    statistics = {}
    for speaker, (count, mean, squares) in sums.items():
        deviation = np.sqrt(squares / np.maximum(count, 1))
        varies = deviation > _SMALLEST_DEVIATION * np.maximum(np.abs(mean), 1)
        statistics[speaker] = mean, np.divide(1, deviation, out=np.ones(FEATURE_DIM), where=varies)
    return {utterance: statistics[speakers[utterance]] for utterance in split.labels}


def _count_classes(*splits):
    classes = 1 + max(int(labels.max()) for split in splits for labels in split.labels.values())
    expected = catalog.NETWORKS["F2"].classes
    if classes != expected:
        logging.warning("%d classes (the largest pdf id plus one), the paper has %d: the output layer gets %d units. "
                        "A larger number may mean transition ids, if ali-to-pdf was left out",
                        classes, expected, classes)
    return classes


def _compare_sizes(resolved):
    found, expected = (resolved.training_size, resolved.test_size), tuple(PAPER_SIZES.values())
    if found != expected:
        logging.warning("%d training and %d test frames, the paper has %d and %d: these are not the paper's data, "
                        "and accuracies may differ from the paper's", *found, *expected)
