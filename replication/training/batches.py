"""The order in which training sees the examples: a seeded shuffle for each trial and epoch."""

import tensorflow as tf


def training_batches(size, *, batch_size, seed, first_epoch=0):
    """An endless stream of the rows of training batches, epoch after epoch.

    The order within an epoch depends on the seed and the number of the epoch alone, so that a run
    that starts at epoch k sees exactly what an uninterrupted one sees from there.

    Args:
        size: M, the number of examples.
        batch_size: Examples in a batch; the last one of an epoch holds what is left.
        seed: Whole number below 2^31.
        first_epoch: Number of the epoch to begin with, default 0.

    Returns:
        A `tf.data.Dataset` of {"train": int64 [batch]}, ceil(M / batch_size) batches an epoch.
    """
    def batches(epoch):
        order = epoch_order(size, seed=seed, epoch=epoch)
        return tf.data.Dataset.from_tensor_slices({"train": order}).batch(batch_size)

    return tf.data.Dataset.counter(start=first_epoch).flat_map(batches).prefetch(4)


def epoch_order(size, *, seed, epoch):
    """The rows of the training set in the order of an epoch, int64 [size]."""
    seeds = tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])
    return tf.random.experimental.stateless_shuffle(tf.range(size, dtype=tf.int64), seed=seeds)


def evaluation_batches(split, order, bounds):
    """The rows of the batches of a fixed partition, as a `tf.data.Dataset` of {split: int64 [batch]}.

    Args:
        split: "train" or "test".
        order, bounds: As `replication.data.partition` returns them.
    """
    order = tf.constant(order)
    return tf.data.Dataset.from_tensor_slices((bounds[:-1], bounds[1:])).map(
        lambda start, stop: {split: order[start:stop]})
