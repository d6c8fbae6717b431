"""Metric 2.1 at other weights with the same outputs: its dependence on the parametrization (Dinh et al., 2017).

Three families of weights give the same outputs. The kernels and biases before the normalizations may be multiplied by a
number, exactly up to the epsilon of the normalization. The last scale and shift, or without normalization the kernel
and bias before the last, may be multiplied by a number and the next kernel divided by it, exactly. And SB and LB may be
given each other's lengths of the layers before the normalizations.
"""

import time

import numpy as np
import tensorflow as tf

from models.normalization import normalization_statistics
from replication import configuration, machine
from replication.losses import loss_of
from replication.sharpness import Objective, tracing
from replication.sharpness.invariance import (
    homogeneous_pairs,
    layer_factors,
    normalized_layers,
    norms,
    scaled,
    transfer_factors,
)
from replication.sharpness.metric import compute as compute_sharpness
from replication.weights import assign_weights, load_minimizer

# The outputs of so many examples are compared.
_COMPARED = 1000


def compute(runs, choices, dataset):
    """Computes Metric 2.1 of an SB and an LB minimizer at other weights with the same outputs.

    Args:
        runs: The `records.RunRecord`s of SB and LB.
        choices: A `configuration.Reparametrization`.
        dataset: Their `data.Data`.

    Returns:
        The content of the record: "points" is a list of dictionaries with the "regime", the "weights" (the family in
        one word), the "factor", f ("loss"), Metric 2.1 in percent, and the largest change of an output.

    Raises:
        UserError: the weights of a run are not there, or damaged.
    """
    began = time.perf_counter()
    inputs, labels = dataset.training_examples(choices.examples)
    models = [load_minimizer(record) for record in runs]
    objectives = [Objective(model, inputs, labels, statistics=choices.statistics, batch_size=choices.batch_size,
                            loss=loss_of(record.configuration)) for model, record in zip(models, runs)]
    lengths = [norms(model, objective.x, normalized_layers(model)) for model, objective in zip(models, objectives)]
    exchanges = lengths[1] / lengths[0], lengths[0] / lengths[1]
    sides = list(zip(("SB", "LB"), objectives, exchanges))[choices.exchange_only:]
    points = [{"regime": regime, **point} for regime, objective, exchange in sides
              for point in _points(objective, choices, exchange=exchange, compared=inputs[:_COMPARED])]
    return {"points": points, "configuration": choices.to_json(), "versions": machine.versions(),
            "seconds": time.perf_counter() - began}


def _points(objective, choices, *, exchange, compared):
    model, x = objective.model, objective.x
    # Moving averages belong to the weights as they are.
    layers = normalized_layers(model) if choices.statistics == "batch" else []
    families = []
    if not choices.exchange_only:
        families.append(("as trained", None, {}))
        others = [factor for factor in choices.FACTORS if factor != 1]
        families += [("kernels", factor, layer_factors(layers, [factor] * len(layers))) for factor in others if layers]
        pairs = homogeneous_pairs(model)
        families += [("transfer", factor, transfer_factors(*pairs[-1], factor)) for factor in others if pairs]
    if layers:
        families.append(("other's lengths", None, layer_factors(layers, exchange)))
    before = _outputs(model, compared, choices)
    measure = configuration.Sharpness(
        epsilon=choices.epsilon, statistics=choices.statistics, batch_size=choices.batch_size,
        iterations=choices.iterations, seed=choices.seed)
    found = []
    for name, factor, factors in families:
        assign_weights(model, scaled(model, x, factors))
        objective.reread()
        result = compute_sharpness(objective, measure)
        change = float(np.max(np.abs(_outputs(model, compared, choices) - before)))
        found.append({"weights": name, "factor": factor, "loss": result.loss, "sharpness": result.sharpness,
                      "output_change": change})
    return found


def _outputs(model, inputs, choices):
    with normalization_statistics(model, choices.statistics):
        return tracing.evaluate(model, tf.convert_to_tensor(inputs)).numpy()
