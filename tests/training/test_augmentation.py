"""The random transformations of augmentation."""

import numpy as np
import pytest
import tensorflow as tf

from replication import remedies
from replication.training.model import TrainingModel
from tests.training import steps


def test_augmentation_transforms_each_image_by_itself():
    model = steps.convolutional(remedies.Augmentation())
    images = tf.repeat(steps.images(1)[0], 30, axis=0)
    transform = tf.function(lambda batch: steps.transform(model, batch))
    first, second = transform(images).numpy(), transform(images).numpy()
    assert first.shape == images.shape
    assert len({image.tobytes() for image in [*first, *second]}) == 60
    # Interpolation rounds in the last bit.
    assert first.min() >= images.numpy().min() - 1e-6 and first.max() <= images.numpy().max() + 1e-6


@pytest.mark.parametrize("options, allowed", [
    ({"rotation": 0.0, "translation": 0.0, "flip": False}, lambda image: [image]),
    ({"rotation": 0.0, "translation": 0.0}, lambda image: [image, image[:, ::-1]]),
])
def test_augmentation_does_what_its_options_say(options, allowed):
    model = steps.convolutional(remedies.Augmentation(**options))
    images, _ = steps.images()
    for before, after in zip(images.numpy(), steps.transform(model, images).numpy()):
        assert min(np.abs(after - image).max() for image in allowed(before)) < 1e-6


def _motions(remedy, number=300):
    """How a remedy moves images: reflections (1 or -1), angles in degrees, shifts to the right and down in pixels.

    The images' channels are the coordinates of their pixels, so that a transformed image tells where each of
    its pixels came from: near its centre, S R (position - shift), with the reflection S and the rotation R.
    """
    model = steps.convolutional(remedy)
    image = np.stack(np.meshgrid(np.arange(16) - 7.5, np.arange(16) - 7.5), axis=-1).astype("float32")
    center = steps.transform(model, tf.repeat(tf.constant(image)[None], number, axis=0)).numpy()[:, 7:9, 7:9]
    # [number, source, target], with x first.
    matrices = np.stack([center[:, 0, 1] - center[:, 0, 0], center[:, 1, 0] - center[:, 0, 0]], axis=-1)
    shifts = -np.linalg.solve(matrices, center.mean(axis=(1, 2))[..., None])[..., 0]
    angles = np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 1, 1]))
    return np.linalg.det(matrices).round(), angles, *shifts.T


def test_augmentation_turns_and_shifts_as_far_as_it_says_to_all_sides():
    """20 degrees; a fifth of 16 pixels is 3.2."""
    _, *motions = _motions(remedies.Augmentation(rotation=20.0, translation=0.2))
    for values, bound in zip(motions, (20, 3.2, 3.2), strict=True):
        assert -bound - 1e-3 < values.min() < -0.9 * bound and 0.9 * bound < values.max() < bound + 1e-3


def test_augmentation_draws_its_motions_independently():
    correlations = np.corrcoef(_motions(remedies.Augmentation()))
    # Four times the deviation of that of 300 independent pairs.
    assert np.abs(correlations - np.eye(4)).max() < 4 / 300**0.5


@pytest.mark.parametrize("options", [{"rotation": 45.0, "translation": 0.0}, {"rotation": 0.0, "translation": 0.4}])
def test_augmentation_fills_with_the_nearest_pixel_of_the_edge(options):
    """Of an image that rises to the right each row still does, and the corners keep to the range of the edges."""
    model = steps.convolutional(remedies.Augmentation(**options, flip=False))
    image = np.broadcast_to(np.linspace(0.5, 1, 8, dtype="float32")[:, None], (200, 8, 8, 1))
    transformed = steps.transform(model, tf.constant(image)).numpy()
    assert np.diff(transformed, axis=2).min() > -1e-6
    assert transformed.min() > 0.5 - 1e-6 and transformed.max() > 0.99


def test_augmentation_moves_an_image_at_most_as_far_as_it_says():
    model = steps.convolutional(remedies.Augmentation(rotation=0.0, translation=0.25, flip=False))
    image = np.zeros((1, 8, 8, 1), "float32")
    image[0, 4, 4] = 1
    places = np.argwhere(steps.transform(model, tf.repeat(tf.constant(image), 200, axis=0)).numpy() > 0)[:, 1:3]
    # A quarter of 8 pixels is 2; interpolation reaches no further than that.
    assert places.min() == 2 and places.max() == 6


def test_augmentation_keeps_labels_and_evaluates_on_clean_images(monkeypatch):
    seen = []
    monkeypatch.setattr(TrainingModel, "plain_step", lambda self, inputs, labels: seen.append((inputs, labels)))
    model = steps.convolutional(remedies.Augmentation())
    images, labels = steps.images()
    model.remedy.learn(model, images, labels)
    (inputs, given), = seen
    assert np.array_equal(given, labels) and not np.array_equal(inputs, images)
    assert np.array_equal(model(images, training=False), steps.convolutional()(images, training=False))
