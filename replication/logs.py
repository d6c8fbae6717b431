"""What TensorFlow logs that is no news here."""

import logging
import os


def quiet_tensorflow():
    """Drops what TensorFlow logs as a matter of course; its other warnings stay. To come before TensorFlow is imported.

    That is: its greeting, a page about the machine; MirroredStrategy's word on each of its collectives; and that
    functions are traced again and again: each run and each measurement has a model of its own, and so functions of
    its own, which are traced once.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    logger = logging.getLogger("tensorflow")
    logger.setLevel("WARNING")
    logger.addFilter(_is_news)


def _is_news(record):
    return "triggered tf.function retracing" not in record.getMessage()
