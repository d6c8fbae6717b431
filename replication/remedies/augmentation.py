"""Data augmentation (appendix E.1): each training image is reflected, rotated and shifted at random."""

import dataclasses

from replication.fields import Search, boolean, number
from replication.remedies.base import Remedy


@dataclasses.dataclass(frozen=True)
class Augmentation(Remedy):
    """Trains on images that are transformed each time they are seen; evaluation takes the images themselves.

    Pixels from beyond the edge take the value of the nearest pixel of the image.
    """

    NAME = "augmentation"
    NEEDS_IMAGES = True
    COMPILES = False

    rotation: float = number(10.0, "Largest angle of rotation, in degrees to either side (the paper: 10).", at_least=0,
                             at_most=180, expected="degrees from 0 to 180", search=Search(0.0, 30.0))
    translation: float = number(
        0.2, "Largest shift along either axis, as a share of the image's side (the paper: 0.2).", at_least=0, at_most=1,
        expected="a share of the image's side, from 0 to 1", search=Search(0.0, 0.3))
    flip: bool = boolean(True, "Reflect half of the images horizontally (the paper: yes).", search=True)

    def prepare(self, model):
        import keras
        import numpy as np

        # A branch of its own: `models.build` draws kernels and dropout from the trunk of the same seed.
        sequence = np.random.SeedSequence(model.seed, spawn_key=(1,))
        flip, rotation, translation = (int(s) for s in sequence.generate_state(3) >> 1)
        # Bilinear interpolation and the nearest pixel of the edge: values stay between those of the image.
        filling = {"fill_mode": "nearest", "interpolation": "bilinear"}
        layers = [
            keras.layers.RandomRotation(self.rotation / 360, seed=rotation, name="augmentation_rotation", **filling),
            keras.layers.RandomTranslation(self.translation, self.translation, seed=translation,
                                           name="augmentation_translation", **filling),
        ]
        if self.flip:
            layers.insert(0, keras.layers.RandomFlip("horizontal", seed=flip, name="augmentation_flip"))
        model.transformations = layers

    def learn(self, model, inputs, labels):
        return model.plain_step(self.transform(model, inputs), labels)

    def transform(self, model, images):
        """Images [batch, height, width, channels], each with a random transformation of its own."""
        for layer in model.transformations:
            images = layer(images, training=True)
        return images
