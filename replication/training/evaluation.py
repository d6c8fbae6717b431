"""The losses and accuracies of a run's network on the training and the test set."""

import contextlib

import keras

from replication import data, memory
from replication.devices import full_precision
from replication.training.batches import evaluation_batches
from replication.training.compilation import build_training_model
from replication.training.model import place_network


class EvaluationWatch(keras.callbacks.Callback):
    """Tells whether a set is being evaluated, within `fit` or apart, and has it computed in full precision.

    XLA keeps the precision with which it compiled the evaluation, and `fit` compiles it.

    Attributes:
        is_evaluating: True from the beginning of an evaluation to its end.
    """

    is_evaluating = False

    def __init__(self):
        super().__init__()
        self._precision = contextlib.ExitStack()

    def on_test_begin(self, logs=None):
        self.is_evaluating = True
        self._precision.enter_context(full_precision())

    def on_test_end(self, logs=None):
        self.is_evaluating = False
        self._precision.close()


class Evaluation:
    """The losses and accuracies of a run's network on the training and the test set.

    Args:
        run: A `configuration.Run`.
        network, model: Its network, and the `TrainingModel` with the same layers.
        examples: Its `Examples`.

    Attributes:
        watch: The `EvaluationWatch` of all its evaluations, and for those of `fit`.
    """

    def __init__(self, run, network, model, examples):
        self.watch = EvaluationWatch()
        self._run = run
        self._network = network
        self._model = model
        self._examples = examples

    def batches(self, split):
        """The batches of "train" or "test" as a `tf.data.Dataset`."""
        return evaluation_batches(split, *self._partition(split))

    def of_the_training_set(self):
        """The loss and the accuracy, a share, on the training set under the statistics of the run."""
        return tuple(self._evaluate(self._model, "train"))

    def metrics(self, statistics):
        """Loss and accuracy of both sets under the "batch" or "moving" statistics of batch normalization."""
        model = self._model
        if statistics != self._run.statistics:
            network = place_network(self._run, self._examples.devices, statistics)
            network.set_weights(self._network.get_weights())
            model = build_training_model(network, self._run, self._examples)
        found = {}
        for split in ("train", "test"):
            loss, accuracy = self._evaluate(model, split)
            found |= {f"{split}_loss": loss, f"{split}_accuracy": accuracy}
        return found

    def _evaluate(self, model, split):
        return model.evaluate(self.batches(split), callbacks=[self.watch], verbose=0)

    @contextlib.contextmanager
    def fitting(self):
        """A block whose evaluations must fit into memory; otherwise it raises an error about their batch size."""
        # Batches differ by at most one example, larger ones first.
        largest = max(int(self._partition(split)[1][1]) for split in ("train", "test"))
        with contextlib.ExitStack() as stack:
            # An evaluation that fails does not reach its own end.
            stack.callback(self.watch.on_test_end)
            stack.enter_context(memory.guard(
                self._network, self._examples.devices.rows_per_memory(largest), "evaluation_batch_size",
                backward=False))
            yield

    def _partition(self, split):
        return data.partition(self._examples.size(split), self._run.evaluation_batch_size)
