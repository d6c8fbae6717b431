"""The callbacks of a run: its history, its stopping rule, and the end of a run whose loss is not finite."""

import math
import time

import keras

# In percent: less than one example of any data set, and more than the rounding of Keras's float32 accuracies.
_ROUNDING = 1e-5


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


class StopWhenNotFinite(keras.callbacks.Callback):
    """Stops a run whose training loss becomes NaN or infinite.

    Attributes:
        failure: A sentence about the loss, the epoch and the batch; None while the loss is finite.
    """

    failure = None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        # Another callback may have asked for the end of a run whose loss is finite.
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss) and self.failure is None:
            self.failure = f"the training loss became {loss} in epoch {self._epoch + 1}, batch {batch + 1}"
            self.model.stop_training = True


class Stopping(keras.callbacks.Callback):
    """Ends a run without a fixed number of epochs, by its history alone.

    The default is the paper's "until the loss function ceased to improve", made precise. An epoch improves the loss if
    the loss that `fit` reports for it is below that of the last epoch that improved by at least the share
    `min_improvement` of it; the first epoch counts as one. The run ends after `patience` epochs without. A run that
    stops by accuracy ends earlier, if the training accuracy reaches the target. A resumed run stops where an
    uninterrupted one would have stopped.

    Args:
        run: A `configuration.Run`.
        history: The rows of the epochs so far, extended by a callback that comes before this one.
        evaluate: Function that returns the loss and the accuracy, a share, on the training set, as result.json has
            them. It is called after each epoch of a run with a target, and its values become the fields "train_loss"
            and "train_accuracy" of the row.
    """

    def __init__(self, run, history, evaluate):
        super().__init__()
        self._run = run
        self._history = history
        self._evaluate = evaluate

    def on_epoch_end(self, epoch, logs=None):
        if self._run.target_accuracy is not None or self._run.target_loss is not None:
            loss, accuracy = self._evaluate()
            self._history[-1] |= {"train_accuracy": accuracy} | (
                {} if self._run.target_loss is None else {"train_loss": loss})
        if self.ended:
            self.model.stop_training = True

    @property
    def ended(self):
        """Whether a rule has ended the run; never with a fixed number of epochs."""
        run, epochs = self._run, len(self._history)
        if run.epochs is not None or epochs < run.min_epochs:
            return False
        return self.ceased is not None or run.stop == "accuracy" and self.reached is not None or self._has_reached_loss

    @property
    def is_cut_short(self):
        """Whether the history is shorter than asked for, although no rule has ended the run."""
        planned = self._run.max_epochs if self._run.epochs is None else self._run.epochs
        return not self.ended and len(self._history) < planned

    @property
    def ceased(self):
        """The first epoch after which the loss has ceased to improve; None if there is none."""
        losses = [row["loss"] for row in self._history]
        return next((epoch for epoch in range(1, len(losses) + 1) if ceased_to_improve(
            losses[:epoch], patience=self._run.patience, min_improvement=self._run.min_improvement)), None)

    @property
    def reached(self):
        """The first epoch after which the training accuracy was at least the target; None if there is none."""
        if self._run.target_accuracy is None:
            return None
        return next((row["epoch"] for row in self._history
                     if 100 * row["train_accuracy"] >= self._run.target_accuracy - _ROUNDING), None)

    @property
    def _has_reached_loss(self):
        """Whether the run stops by loss, and its last epoch reached the target."""
        return (self._run.stop == "loss" and len(self._history) > 0
                and self._history[-1]["train_loss"] <= self._run.target_loss)

    @property
    def stops(self):
        """The epoch at which the run would have ended by each stop, as a dictionary; empty if there is but one.

        When the loss would have ceased to improve is not known of a run that something else ended before.
        """
        run, last = self._run, len(self._history)
        ended_before = (run.epochs is not None or run.stop == "accuracy" and self.reached is not None
                        or self._has_reached_loss or self.is_cut_short)
        ceased = self.ceased or (None if ended_before else last)
        found = {} if ceased is None else {"ceased": ceased}
        if run.target_accuracy is not None and (epochs := [each for each in (self.reached, ceased) if each]):
            found["accuracy"] = min(epochs)
        if run.min_epochs:
            found["epochs"] = min(run.min_epochs, last)
        return found if run.min_epochs or run.target_accuracy is not None else {}

    @property
    def reason(self):
        """Why the run ended, in words."""
        run = self._run
        if self.is_cut_short:
            return f"a callback ended it after {len(self._history)} epochs"
        if run.epochs is not None:
            return f"{run.epochs} epochs were asked for"
        if run.stop == "accuracy" and self.reached is not None:
            return f"the training accuracy reached {run.target_accuracy:g} %"
        if self._has_reached_loss:
            return f"the training loss reached {run.target_loss:g}"
        never = f"the training accuracy never reached {run.target_accuracy:g} %; " if run.stop == "accuracy" else ""
        if self.ceased is None:
            return f"{never}the upper bound of {len(self._history)} epochs"
        return (f"{never}the training loss ceased to improve: no decrease by {run.min_improvement:.0%} "
                f"in {run.patience} epochs")


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
