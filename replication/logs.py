"""What TensorFlow logs that is no news here."""

import logging


def quiet_tensorflow():
    """Drops what TensorFlow logs as a matter of course; its other warnings stay.

    That is: MirroredStrategy on each of its collectives, and on functions that are traced again and again. Each run
    and each measurement has a model of its own, and so functions of its own, which are traced once.
    """
    logger = logging.getLogger("tensorflow")
    logger.setLevel("WARNING")
    logger.addFilter(_is_news)


def _is_news(record):
    return "triggered tf.function retracing" not in record.getMessage()
