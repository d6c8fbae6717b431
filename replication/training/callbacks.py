"""The callbacks of a run: its history, its stopping rule, and the end of a run whose loss is not finite."""

import time

import keras


class History(keras.callbacks.Callback):
    """Appends a row for each epoch to the history of a run.

    Args:
        rows: The rows of the epochs so far, a list that this callback extends.

    Attributes:
        batch_size: Batch size of the current epoch for the row; None (default) if the run has one size.
    """

    def __init__(self, rows):
        super().__init__()
        self._rows = rows
        self.batch_size = None

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        row = {name: float(logs[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        row |= {"seconds": time.perf_counter() - self._began}
        if self.batch_size is not None:
            row |= {"batch_size": self.batch_size}
        self._rows.append({"epoch": epoch + 1, **row})


class StopWhenNotFinite(keras.callbacks.TerminateOnNaN):
    """Stops a run whose training loss becomes NaN or infinite.

    Attributes:
        failure: A sentence about the loss, the epoch and the batch; None while the loss is finite.
    """

    failure = None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_batch_end(self, batch, logs=None):
        super().on_batch_end(batch, logs)
        if self.model.stop_training and self.failure is None:
            self.failure = f"the training loss became {logs['loss']} in epoch {self._epoch + 1}, batch {batch + 1}"


class EvaluationWatch(keras.callbacks.Callback):
    """Tells whether `fit` is evaluating the test set.

    Attributes:
        is_evaluating: True from the end of an epoch's training to the end of its evaluation.
    """

    is_evaluating = False

    def on_test_begin(self, logs=None):
        self.is_evaluating = True

    def on_test_end(self, logs=None):
        self.is_evaluating = False


class StopWhenLossCeases(keras.callbacks.Callback):
    """Stops a run once the training loss has gone `patience` epochs without sufficient improvement.

    This is the paper's "until the loss function ceased to improve", made precise. An epoch improves the loss if the
    loss that `fit` reports for it is below the best one so far by at least the share `min_improvement` of that best.
    The rule depends on the losses alone: a resumed run stops where an uninterrupted one would have stopped.

    Args:
        losses: The training losses of the epochs so far, a list that this callback extends.
        patience: Number of epochs without sufficient improvement after which a run ends.
        min_improvement: The relative decrease that counts as an improvement.

    Attributes:
        ceased: Whether the rule has stopped the run.
    """

    def __init__(self, losses, *, patience, min_improvement):
        super().__init__()
        self._losses = losses
        self._patience = patience
        self._min_improvement = min_improvement

    @property
    def ceased(self):
        return ceased_to_improve(self._losses, patience=self._patience, min_improvement=self._min_improvement)

    def on_epoch_end(self, epoch, logs=None):
        self._losses.append(float(logs["loss"]))
        if self.ceased:
            self.model.stop_training = True


def ceased_to_improve(losses, *, patience, min_improvement):
    """Whether the last `patience` losses, one for each epoch, brought no sufficient improvement.

    >>> ceased_to_improve([1.0, 0.5, 0.49, 0.48], patience=2, min_improvement=0.05)
    True
    """
    best, waited = float("inf"), 0
    for loss in losses:
        # A loss of 0 is no improvement over 0.
        if loss < best and loss <= best * (1 - min_improvement):
            best, waited = loss, 0
        else:
            waited += 1
    return waited >= patience
