"""The stopping rule: "until the loss function ceased to improve", made precise."""

import keras


class StopWhenLossCeases(keras.callbacks.Callback):
    """Stops a run once the training loss has gone `patience` epochs without improving enough.

    An epoch improves when the loss that `fit` reports for it is below the best so far by at least
    the share `min_improvement` of that best. The rule is a function of the losses alone: an
    interrupted run that hands them over stops where it would have stopped.

    Args:
        losses: The training losses of the epochs before this one, a list that this callback extends.
        patience: Epochs without an improvement after which a run ends.
        min_improvement: The relative decrease that counts.

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
    """Whether the last `patience` of the losses, one an epoch, brought no sufficient improvement.

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
