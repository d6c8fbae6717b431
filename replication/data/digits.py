"""Scikit-learn's embedded handwritten digits: nothing to download."""

import numpy as np

from replication.configuration import DATASETS

_SPLIT_SEED = 0


def read():
    """The 1797 digits of 8 x 8 pixels in a fixed split, stratified by class.

    The split is scikit-learn's `train_test_split` with `random_state=0`, which leaves 360 examples
    for the test.

    Returns:
        train_inputs float32 [1437, 8, 8, 1] with values in [0, 1] (of 17 grey levels), train_labels
        int32 [1437], test_inputs [360, 8, 8, 1] and test_labels [360].
    """
    from sklearn import datasets, model_selection

    pixels, labels = datasets.load_digits(return_X_y=True)
    inputs = (pixels / 16).astype(np.float32).reshape(-1, *DATASETS["digits"].input_shape)
    train_inputs, test_inputs, train_labels, test_labels = model_selection.train_test_split(
        inputs, labels.astype(np.int32), test_size=DATASETS["digits"].test_size,
        stratify=labels, random_state=_SPLIT_SEED,
    )
    return train_inputs, train_labels, test_inputs, test_labels
