"""Mixed precision in training, and its refusal in measurements."""

import keras
import numpy as np
import pytest

import models
from replication import configuration, data, records, training
from replication.errors import UserError
from replication.execution.measurement import measure_run
from replication.sharpness import measure_sharpness
from replication.training.batches import Examples
from replication.training.compilation import build_training_model
from replication.weights import build_network
from tests import networks


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_network_computes_in_half_and_ends_in_float32(precision):
    model = models.build("C1", input_shape=(8, 8, 1), architecture="text", precision=precision)
    half = precision.removeprefix("mixed_")
    kinds = {type(layer).__name__: (layer.compute_dtype, layer.variable_dtype) for layer in model.layers}
    assert kinds["Conv2D"] == (half, "float32") and kinds["BatchNormalization"] == (half, "float32")
    assert (model.layers[-1].compute_dtype, model.output.dtype) == ("float32", "float32")
    assert [w.shape for w in model.get_weights()] == [
        w.shape for w in models.build("C1", input_shape=(8, 8, 1), architecture="text").get_weights()]


def test_a_run_trains_and_is_not_measured(tmp_path):
    run = configuration.Run(network=networks.TWO_LAYERS, regime="LB", trial=0, dataset="digits", batch_size=360,
                            epochs=3, precision="mixed_bfloat16")
    record = training.train(run, records.Workdir.create(tmp_path / "work"), verbose=0)
    assert [row["loss"] for row in record.history] == sorted((row["loss"] for row in record.history), reverse=True)
    with pytest.raises(UserError, match="precision=mixed_bfloat16.*only for runs in float32"):
        measure_run(record, [configuration.Sharpness()], data.load("digits"))


def test_float16_has_its_loss_scaled():
    # A processor computes in float16 so slowly that no run is made here.
    run = configuration.Run(network="F1", regime="LB", trial=0, dataset="digits", batch_size=8,
                            precision="mixed_float16")
    model = build_training_model(build_network(run), run, Examples(data.load("digits")))
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)


def test_float32_is_the_default_and_leaves_names_alone():
    run = configuration.Run(network="F1", regime="LB", trial=0, dataset="digits", batch_size=360)
    assert run.precision == "float32"
    fields = run.to_json()
    del fields["precision"]
    assert configuration.Run.from_json(fields).name == run.name


def test_a_users_model_in_half_precision_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax", dtype="mixed_bfloat16")])
    with pytest.raises(UserError, match="computes in bfloat16"):
        measure_sharpness(model, np.zeros((30, 4), np.float32), np.zeros(30, int))
