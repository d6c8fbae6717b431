"""Whole runs with each remedy: their records, and their resumption."""

import dataclasses
import functools
import math
import shutil

import keras
import numpy as np
import pytest

from replication import configuration, files, records, remedies, training
from replication.records.run import HISTORY_COLUMNS
from replication.training import state
from replication.training.compilation import build_training_model
from replication.weights import build_network, load_minimizer
from tests import networks

RUN = configuration.Run(network=networks.WIDE, regime="LB", trial=0, dataset="digits", batch_size=359, epochs=2)
EXAMPLES = 1437
CONVOLUTIONAL = dataclasses.replace(RUN, network="C1", architecture="text", epochs=1)
GROWING = {
    "schedule": remedies.DynamicSampling(first_batch_size=100, growth=2.0),
    "variance": remedies.DynamicSampling(test="variance", first_batch_size=20),
}
OF_VECTORS = [remedies.Conservative(), remedies.Adversarial(), remedies.Stability(), *GROWING.values(),
              remedies.SharpnessAware(adaptive=True), remedies.GhostNormalization(examples=100),
              remedies.LearningRateScaling(small_batch=36, warmup_epochs=1.5)]


def _train(run, folder):
    return training.train(run, records.Workdir.create(folder), verbose=0)


def _facts(record):
    history = [{k: v for k, v in row.items() if k != "seconds"} for row in record.history]
    return history, record.result["gradients"], files.file_checksum(record.final_weights)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A function from a remedy and other choices to the run, and to the workdir as its first epoch had left it."""
    @functools.cache
    def train(remedy, **choices):
        run = dataclasses.replace(RUN, remedy=remedy, **choices)
        workdir, copy = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("copy") / "first-epoch"
        save = state.SaveState.on_epoch_end

        def save_and_copy(self, epoch, logs=None):
            save(self, epoch, logs)
            if epoch == 0:
                shutil.copytree(workdir, copy)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(state.SaveState, "on_epoch_end", save_and_copy)
            return _train(run, workdir), copy

    return train


def _assert_resumed(whole, copy):
    assert all(math.isfinite(row["loss"]) for row in whole.history)
    resumed = _train(whole.configuration, copy)
    assert not resumed.state.exists() and len(resumed.history) == RUN.epochs
    assert resumed.history[0] == whole.history[0], "with the seconds: the first epoch was not trained again"
    assert _facts(resumed) == _facts(whole)


@pytest.mark.parametrize("remedy", OF_VECTORS, ids=lambda remedy: remedy.label)
def test_run_resumes_to_the_same_bits(remedy, trained):
    whole, copy = trained(remedy)
    assert whole.configuration.remedy == remedy
    _assert_resumed(whole, copy)


def test_compiled_run_resumes_to_the_same_bits(trained):
    # Batches of one size: XLA compiles the step for each.
    whole, copy = trained(None, batch_size=479, jit_compile=True)
    assert whole.configuration.jit_compile
    _assert_resumed(whole, copy)


@pytest.mark.parametrize("remedy, gradients", [
    (remedies.Conservative(), 3), (remedies.Adversarial(), 2), (remedies.Stability(), 2),
    (remedies.SharpnessAware(adaptive=True), 2),
])
def test_gradients_are_counted(remedy, gradients, trained):
    record, _ = trained(remedy)
    assert record.result["gradients"] == gradients * RUN.epochs * EXAMPLES


def test_augmented_run_leaves_a_record_of_the_network_alone(tmp_path):
    record = _train(dataclasses.replace(CONVOLUTIONAL, remedy=remedies.Augmentation()), tmp_path)
    assert math.isfinite(record.result["batch"]["train_loss"])
    assert record.result["gradients"] == EXAMPLES
    assert [v.path for v in load_minimizer(record).weights] == [v.path for v in build_network(CONVOLUTIONAL).weights]


@pytest.mark.parametrize("test", GROWING)
def test_history_tells_the_sizes_of_the_batches(test, trained):
    record, _ = trained(GROWING[test])
    sizes = [row["batch_size"] for row in record.history]
    assert all(isinstance(size, int) for size in sizes) and sizes == sorted(sizes) and sizes[-1] <= RUN.batch_size
    if test == "schedule":
        assert sizes == [100, 200]
        assert record.result["gradients"] == 2 * EXAMPLES
    else:
        assert sizes[0] == 20 < sizes[1]
        assert record.result["gradients"] == 2 * EXAMPLES + 10 * 20, "one test of ten parts of 20"


def test_plain_history_and_its_columns_are_as_before(tmp_path):
    record = _train(RUN, tmp_path)
    assert tuple(record.history[0]) == HISTORY_COLUMNS
    assert record.result["gradients"] == 2 * EXAMPLES


def test_stopping_rule_ends_a_growing_run(tmp_path):
    run = dataclasses.replace(RUN, remedy=GROWING["schedule"], epochs=None, max_epochs=30, patience=1,
                              min_improvement=0.99)
    record = _train(run, tmp_path)
    assert record.result["epochs"] == len(record.history) < 30
    assert "ceased to improve" in record.result["stop"]


def test_augmentation_goes_on_in_its_sequence(tmp_path):
    images = np.random.default_rng(0).random((20, 8, 8, 1)).astype("float32")
    run = dataclasses.replace(CONVOLUTIONAL, remedy=remedies.Augmentation())
    model, resumed = (build_training_model(build_network(run), run, None) for _ in range(2))
    for each in (model, resumed):
        each.optimizer.build(each.trainable_variables)
    run.remedy.transform(model, images)
    saving = state.SaveState(tmp_path / "state.npz", [])
    saving.set_model(model)
    saving.on_epoch_end(0, {"loss": 1.0})
    expected = run.remedy.transform(model, images)
    assert not np.array_equal(run.remedy.transform(resumed, images), expected)
    state.restore(tmp_path / "state.npz", resumed)
    assert np.array_equal(run.remedy.transform(resumed, images), expected)


@pytest.mark.parametrize("remedy, choices", [
    (remedies.Stability(), {"jit_compile": True, "batch_size": 479}),
    (remedies.Adversarial(), {"jit_compile": True, "batch_size": 479}),
    (remedies.SharpnessAware(), {"precision": "mixed_bfloat16"}),
], ids=str)
def test_remedies_work_with_xla_and_in_mixed_precision(remedy, choices, tmp_path):
    record = _train(dataclasses.replace(RUN, epochs=1, remedy=remedy, **choices), tmp_path)
    assert record.result["batch"]["train_loss"] < np.log(10)


def _half_precision(remedy):
    run = dataclasses.replace(RUN, precision="mixed_float16", remedy=remedy)
    model = build_training_model(build_network(run), run, None)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    model.optimizer.build(model.trainable_variables)
    return model


# Single steps, not compiled: a processor has little use for float16.
_BATCH = keras.random.uniform((50, 8, 8, 1), seed=0), keras.ops.arange(50) % 10


@pytest.mark.parametrize("remedy", [remedies.Conservative(), remedies.Adversarial(), remedies.Stability(),
                                    remedies.SharpnessAware()], ids=lambda remedy: remedy.label)
def test_half_precision_trains(remedy):
    model = _half_precision(remedy)
    first = float(model.remedy.learn(model, *_BATCH)["loss"])
    for _ in range(3):
        model.reset_metrics()
        last = float(model.remedy.learn(model, *_BATCH)["loss"])
    assert last < first
    assert float(model.optimizer.dynamic_scale) == 2.0**15, "no step was skipped"


@pytest.mark.parametrize("remedy", [remedies.Adversarial(), remedies.Adversarial(clean_share=0.0), remedies.Stability(),
                                    remedies.SharpnessAware(), remedies.GhostNormalization(examples=20)],
                         ids=lambda remedy: remedy.label)
def test_overflow_of_half_precision_skips_the_step(remedy):
    """And the loss that ends a run where it is not finite stays finite."""
    model = _half_precision(remedy)
    model.optimizer.dynamic_scale.assign(1e38)
    before = [v.numpy() for v in model.trainable_variables]
    assert np.isfinite(float(model.remedy.learn(model, *_BATCH)["loss"]))
    assert all(np.array_equal(v, w) for v, w in zip(model.trainable_variables, before))
    assert float(model.optimizer.dynamic_scale) == pytest.approx(0.5e38)


@pytest.mark.parametrize("options", [{"kernel_regularizer": "l2"}, {"activity_regularizer": "l2"}])
def test_a_network_with_losses_of_its_own_has_no_remedy(options):
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, **options)])
    with pytest.raises(ValueError, match="network='S3': has losses of its own"):
        build_training_model(network, dataclasses.replace(RUN, remedy=remedies.SharpnessAware()), None)


def test_scale_of_the_loss_goes_on_where_it_was(tmp_path):
    """With the count of steps since it last changed; after an overflow and a step that did not overflow."""
    model, resumed = (_half_precision(remedies.SharpnessAware()) for _ in range(2))
    model.optimizer.dynamic_scale.assign(1e38)
    model.remedy.learn(model, *_BATCH)
    model.optimizer.dynamic_scale.assign(2.0**10)
    model.remedy.learn(model, *_BATCH)
    saving = state.SaveState(tmp_path / "state.npz", [])
    saving.set_model(model)
    saving.on_epoch_end(0, {"loss": 1.0})
    state.restore(tmp_path / "state.npz", resumed)
    assert float(resumed.optimizer.dynamic_scale) == 2.0**10 and int(resumed.optimizer.step_counter) == 1
    for each in (model, resumed):
        each.remedy.learn(each, *_BATCH)
    for expected, found in zip(model.variables, resumed.variables, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
