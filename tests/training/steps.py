"""Single steps of a model with a remedy, on a few images."""

import keras
import numpy as np
import tensorflow as tf

import models
from replication.training.model import TrainingModel

RATE = 0.1


def learn(model, inputs, labels):
    """Takes one step on a batch and returns the loss that it reports."""
    return float(model.remedy.learn(model, inputs, labels)["loss"])


def transform(model, images):
    """The images after the random transformations of a model's augmentation."""
    return model.remedy.transform(model, images)


def images(number=20):
    """Random images [number, 8, 8, 1] and labels."""
    generator = np.random.default_rng(0)
    return (tf.constant(generator.random((number, 8, 8, 1)), tf.float32),
            tf.constant(generator.integers(10, size=number), tf.int32))


def convolutional(remedy=None):
    """C1 with normalization and dropout, compiled; the same starting point each time."""
    network = models.build("C1", architecture="text", input_shape=(8, 8, 1), seed=0)
    model = TrainingModel(network, None, remedy, seed=0)
    model.compile(keras.optimizers.SGD(RATE), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
