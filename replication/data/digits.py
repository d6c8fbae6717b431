"""Scikit-learn's embedded handwritten digits: nothing to download."""

import numpy as np

from replication.catalog import DATASETS

_SPLIT_SEED = 0


def read(dataset="digits"):
    """The 1797 digits in a fixed split, stratified by class.

    The split is scikit-learn's `train_test_split` with `random_state=0`, which leaves 360 examples
    for the test.

    Args:
        dataset: "digits" for the images of 8 x 8 pixels as they are, or "digits32" for the same images
            in the size of CIFAR's, which C1 to C4 are made for: each pixel becomes a square of 4 x 4,
            the same in three channels.

    Returns:
        train_inputs float32 [1437, 8, 8, 1] or [1437, 32, 32, 3] with values in [0, 1] (of 17 grey
        levels), train_labels int32 [1437], test_inputs [360, ...] and test_labels [360].
    """
    from sklearn import datasets, model_selection

    pixels, labels = datasets.load_digits(return_X_y=True)
    inputs = _enlarged((pixels / 16).astype(np.float32).reshape(-1, 8, 8, 1), DATASETS[dataset].input_shape)
    train_inputs, test_inputs, train_labels, test_labels = model_selection.train_test_split(
        inputs, labels.astype(np.int32), test_size=DATASETS[dataset].test_size,
        stratify=labels, random_state=_SPLIT_SEED,
    )
    return train_inputs, train_labels, test_inputs, test_labels


def _enlarged(images, shape):
    for axis, size in enumerate(shape, start=1):
        images = images.repeat(size // images.shape[axis], axis)
    return images
