"""The examples on the devices of a run, and the order in which training and evaluation see them."""

import tensorflow as tf

from replication.devices import OneDevice


class Examples:
    """The training and test set on the devices of a run; batches are chosen from them by indices.

    Args:
        dataset: A `data.Data`.
        devices: The run's devices, as `devices.devices` returns them; None for one device.
    """

    def __init__(self, dataset, devices=None):
        self.devices = devices or OneDevice()
        splits = {"train": (dataset.train_inputs, dataset.train_labels),
                  "test": (dataset.test_inputs, dataset.test_labels)}
        self._sizes = {split: len(labels) for split, (_, labels) in splits.items()}
        self._splits = {split: [self.devices.to_device(array) for array in arrays] for split, arrays in splits.items()}

    def size(self, split):
        """Number of examples in the split "train" or "test"."""
        return self._sizes[split]

    def order(self, *, seed, epoch):
        """The order of the training examples in an epoch, see `epoch_order`."""
        return epoch_order(self.size("train"), seed=seed, epoch=epoch)

    def gather(self, batch):
        """Inputs and labels of a batch, an element of the datasets below."""
        if "of_training_set" not in batch:
            return self._rows("train", batch["indices"])
        # Not two structures of a batch: the evaluation of either set would be traced by itself.
        return tf.cond(batch["of_training_set"], lambda: self._rows("train", batch["indices"]),
                       lambda: self._rows("test", batch["indices"]))

    def gather_part(self, batch):
        """Inputs and labels of this device's part of a batch; called within `devices.run`."""
        start, stop = self.devices.shard(tf.constant(0, tf.int64), tf.size(batch["indices"], tf.int64))
        return self.gather({**batch, "indices": batch["indices"][start:stop]})

    def _rows(self, split, indices):
        return tuple(tf.gather(self.devices.local_copy(placed), indices) for placed in self._splits[split])


def epoch_order(size, *, seed, epoch):
    """Indices of the training examples in the order of an epoch, int64 [size]: a shuffle by seed and epoch."""
    seeds = tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])
    return tf.random.experimental.stateless_shuffle(tf.range(size, dtype=tf.int64), seed=seeds)


def training_batches(size, *, batch_size, seed, first_epoch=0):
    """An endless stream of training batches, epoch after epoch.

    The order within an epoch depends on the seed and the number of the epoch alone, so that a run that starts at epoch
    k sees exactly what an uninterrupted run sees from there.

    Args:
        size: M, the number of examples.
        batch_size: Examples in a batch; the last batch of an epoch holds the remaining ones.
        seed: Whole number below 2^31.
        first_epoch: Number of the first epoch, from 0. Default: 0.

    Returns:
        A `tf.data.Dataset` of {"indices": int64 [batch]}, with ceil(M / batch_size) batches in each epoch.
    """
    # There is nothing to convert, and AutoGraph would take a while to find that out.
    @tf.autograph.experimental.do_not_convert
    def batches(epoch):
        order = epoch_order(size, seed=seed, epoch=epoch)
        return tf.data.Dataset.from_tensor_slices({"indices": order}).batch(batch_size)

    return tf.data.Dataset.counter(start=first_epoch).flat_map(batches).prefetch(4)


def evaluation_batches(split, order, bounds):
    """The batches of a fixed partition of a split.

    Args:
        split: "train" or "test".
        order, bounds: The partition, as `replication.data.partition` returns it.

    Returns:
        A `tf.data.Dataset` of {"indices": int64 [batch], "of_training_set": bool}.
    """
    order = tf.constant(order)

    @tf.autograph.experimental.do_not_convert
    def batch(start, stop):
        return {"indices": order[start:stop], "of_training_set": split == "train"}

    return tf.data.Dataset.from_tensor_slices((bounds[:-1], bounds[1:])).map(batch)
