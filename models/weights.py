"""The trainable weights of a model as one vector x."""

import numpy as np


def flatten_weights(model):
    """x, float64 [n]: the trainable weights of `model` one after the other, in the model's order."""
    return np.concatenate([v.numpy().astype(np.float64).reshape(-1) for v in model.trainable_variables])


def assign_weights(model, x):
    """Puts a vector x, float64 [n], into the trainable weights of `model`."""
    parts = np.split(x, np.cumsum([int(np.prod(v.shape)) for v in model.trainable_variables])[:-1])
    for variable, part in zip(model.trainable_variables, parts):
        variable.assign(part.reshape(variable.shape))
