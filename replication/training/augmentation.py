"""Data augmentation (appendix E.1): each training image is reflected, rotated and shifted at random."""

import keras
import numpy as np

from replication.training.model import TrainingModel


class AugmentedModel(TrainingModel):
    """Trains on images that are transformed anew each time they are seen; evaluation is on clean ones.

    Args:
        network, examples, seed: As in `TrainingModel`. The random sequence is part of the model's
            variables, so that a resumed run goes on in it.
        remedy: A `remedies.Augmentation`.
    """

    def __init__(self, network, examples, remedy, *, seed):
        super().__init__(network, examples, remedy, seed=seed)
        flip, rotation, translation = _seeds(self.seed, 3)
        # Bilinear interpolation and the nearest pixel of the edge: values stay between those of the image.
        filling = {"fill_mode": "nearest", "interpolation": "bilinear"}
        layers = [
            keras.layers.RandomRotation(remedy.rotation / 360, seed=rotation, name="augmentation_rotation", **filling),
            keras.layers.RandomTranslation(remedy.translation, remedy.translation, seed=translation,
                                           name="augmentation_translation", **filling),
        ]
        if remedy.flip:
            layers.insert(0, keras.layers.RandomFlip("horizontal", seed=flip, name="augmentation_flip"))
        self._transformations = layers

    def transform(self, images):
        """Images [batch, height, width, channels], each with a transformation of its own."""
        for layer in self._transformations:
            images = layer(images, training=True)
        return images

    def learn(self, inputs, labels):
        return super().learn(self.transform(inputs), labels)


def _seeds(seed, number):
    # A branch of its own: `models.build` draws kernels and dropout from the trunk of the same seed.
    return [int(s) for s in np.random.SeedSequence(seed, spawn_key=(1,)).generate_state(number) >> 1]
