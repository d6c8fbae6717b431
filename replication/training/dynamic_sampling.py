"""Dynamic sampling (section 4): the batch grows along the run, by a schedule or by a test of its variance.

Byrd et al. (2012): the gradient g of a batch B of single-example variance V is good enough while

    sqrt(||V||_1 / |B|) <= theta ||g||
"""

import functools
import math

import tensorflow as tf

from replication.training.batches import epoch_order

# Disjoint parts of the training set whose gradients the variance test compares.
PARTS = 10


def batch_size(run, history, model, examples):
    """Examples in a batch of the epoch that follows `history`.

    A function of the configuration, the history and the weights alone, so that a resumed run finds the
    sizes of an uninterrupted one.

    Args:
        run: A `configuration.Run` whose remedy is a `remedies.DynamicSampling`.
        history: Rows of the epochs so far, with the column batch_size.
        model: The `TrainingModel` as these epochs have left it.
        examples: `Examples`.
    """
    remedy = run.remedy
    if remedy.test == "schedule":
        return scheduled_size(remedy, len(history), limit=run.batch_size)
    if not history:
        return remedy.first_batch_size
    size = history[-1]["batch_size"]
    if size >= run.batch_size:
        return size
    part = part_size(size, examples.size("train"))
    rows = epoch_order(examples.size("train"), seed=run.trial, epoch=len(history))
    slope, variance = gradient_variance(model, examples, tf.reshape(rows[:PARTS * part], (-1, part)),
                                        jit_compile=run.jit_compile)
    return sufficient_size(size, slope, part * variance, theta=remedy.theta, limit=run.batch_size)


def scheduled_size(remedy, epoch, *, limit):
    """min(limit, first_batch_size * growth^epoch), rounded; epochs count from 0."""
    if math.log(remedy.first_batch_size) + epoch * math.log(remedy.growth) >= math.log(limit):
        return limit
    return min(limit, round(remedy.first_batch_size * remedy.growth**epoch))


def sufficient_size(size, slope, variance, *, theta, limit):
    """The smallest batch from `size` to `limit` that passes the variance test, or else `limit`.

    Args:
        size: |B|, the present one.
        slope: ||g||^2.
        variance: ||V||_1, of the gradients of single examples.
        theta, limit: As in `remedies.DynamicSampling`; the run's batch size.
    """
    # Weights that are no longer finite: the next epoch's loss tells.
    if not math.isfinite(variance) or variance <= theta**2 * slope * size:
        return size
    if variance >= theta**2 * slope * limit:
        return limit
    return math.ceil(variance / (theta**2 * slope))


def part_size(size, examples):
    """Examples in each of the PARTS parts: a batch, or what the training set of `examples` has room for."""
    return max(1, min(size, examples // PARTS))


def gradients_of_tests(run, history, examples):
    """How many gradients of single examples the tests of a run have taken.

    Args:
        run, history: As in `batch_size`.
        examples: Number of training examples.
    """
    if run.remedy.test == "schedule":
        return 0
    sizes = [row["batch_size"] for row in history[:-1]]
    return sum(PARTS * part_size(size, examples) for size in sizes if size < run.batch_size)


def gradient_variance(model, examples, parts, *, jit_compile=False):
    """The gradient, and its variance between equal parts of the training set, each passed as one batch.

    Parts, not single examples: with batch normalization the gradient of a single example means nothing.
    They are passed in training mode, with the same dropout masks; moving averages and seeds stay as they are.

    Args:
        model: A compiled `TrainingModel`.
        examples: `Examples`.
        parts: int64 [parts, size], rows of the training set.
        jit_compile: Whether XLA compiles the passes.

    Returns:
        ||g||^2 of the mean gradient g, and the sum over all weights of the variance of a part's gradient,
        ||V||_1 / size. Both in the square of the scale of the optimizer, where that scales the loss.
    """
    gradient = tf.function(functools.partial(_gradient, model, examples), jit_compile=jit_compile)
    total, squares = None, 0.0
    for rows in parts:
        gradients = gradient(rows)
        total = gradients if total is None else [t + g for t, g in zip(total, gradients)]
        squares += _squared_norm(gradients)
    mean = _squared_norm(total) / len(parts)**2
    # NaN stays NaN: it comes first.
    return mean, max(squares - len(parts) * mean, 0.0) / (len(parts) - 1)


def _gradient(model, examples, rows):
    inputs, labels = examples.gather({"train": rows})
    with tf.GradientTape() as tape:
        _, loss = model.forward_again(inputs, labels, state=model.state())
        objective = model.optimizer.scale_loss(loss)
    return tape.gradient(objective, model.trainable_variables)


def _squared_norm(gradients):
    return sum(float(tf.reduce_sum(tf.square(tf.cast(g, tf.float64)))) for g in gradients)
