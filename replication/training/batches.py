"""The order in which training sees the examples: a seeded shuffle for each trial and epoch."""

import tensorflow as tf


def training_batches(inputs, labels, *, batch_size, seed, first_epoch=0):
    """An endless stream of training batches, epoch after epoch.

    The order within an epoch depends on the seed and the number of the epoch alone, so that a run
    that starts at epoch k sees exactly what an uninterrupted one sees from there.

    Args:
        inputs, labels: Tensors [M, ...] and [M].
        batch_size: Examples in a batch; the last one of an epoch holds what is left.
        seed: Whole number below 2^31.
        first_epoch: Number of the epoch to begin with, default 0.

    Returns:
        A `tf.data.Dataset` of (inputs, labels), ceil(M / batch_size) batches an epoch.
    """
    size = len(labels)

    def order(epoch):
        shuffled = tf.random.experimental.stateless_shuffle(
            tf.range(size, dtype=tf.int64), seed=tf.stack([tf.constant(seed, tf.int64), epoch]))
        return tf.data.Dataset.from_tensor_slices(shuffled).batch(batch_size)

    epochs = tf.data.Dataset.counter(start=first_epoch)
    return (
        epochs.flat_map(order)
        .map(lambda rows: (tf.gather(inputs, rows), tf.gather(labels, rows)))
        .prefetch(4)
    )


def evaluation_batches(inputs, labels, order, bounds):
    """The batches of a fixed partition, as a `tf.data.Dataset` of (inputs, labels).

    Args:
        inputs, labels: Tensors [M, ...] and [M].
        order, bounds: As `replication.data.partition` returns them.
    """
    batches = tf.data.Dataset.from_tensor_slices((bounds[:-1], bounds[1:]))
    order = tf.constant(order)

    def gather(start, stop):
        rows = order[start:stop]
        return tf.gather(inputs, rows), tf.gather(labels, rows)

    return batches.map(gather)
