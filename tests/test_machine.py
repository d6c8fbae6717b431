"""TensorFlow's routine messages are silenced."""

import logging

import tensorflow as tf

from replication.machine import quiet_tensorflow


def test_traces_of_many_models_are_silenced_and_other_warnings_stay(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    logger, messages = logging.getLogger("tensorflow"), []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    before = logger.level, list(logger.filters)
    logger.addHandler(handler)
    try:
        trace_repeatedly()
        assert any("retracing" in message for message in messages)
        messages.clear()
        quiet_tensorflow()
        trace_repeatedly()
        logger.warning("out of %s", "memory")
        assert messages == ["out of memory"]
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.filters[:] = before[1]


def trace_repeatedly():
    def double(x):
        return 2 * x

    for _ in range(10):
        tf.function(double)(tf.constant(1.0))
