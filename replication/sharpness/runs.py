"""Measures the minimizers of finished runs and leaves the results in their records."""

import itertools

from absl import logging

from replication import files
from replication.minimizers import load_minimizer
from replication.sharpness.metric import measure
from replication.sharpness.objective import Objective


def measure_run(record, choices, dataset, *, wait=False):
    """Measures the sharpness of a run's minimizer on its training set, once for each choice.

    A measurement that is on disk is not repeated.

    Args:
        record: A finished `records.RunRecord`.
        choices: Iterable of `configuration.Sharpness`.
        dataset: The run's `data.Data`.
        wait: Whether to wait for another process that works on the same run, or to raise.

    Raises:
        BusyError: another process works on this run and `wait` is false.
        UserError: a file of the record is damaged, `dataset` is not the run's, or a measurement fails its checks.
    """
    with record.lock(wait=wait):
        open_choices = [choice for choice in choices if not record.measurement(choice).exists()]
        if not open_choices:
            return
        record.check_data(dataset.to_json())
        model = load_minimizer(record)

        def evaluation(choice):
            return choice.statistics, choice.batch_size

        for (statistics, batch_size), group in itertools.groupby(sorted(open_choices, key=evaluation), evaluation):
            objective = Objective(model, dataset.train_inputs, dataset.train_labels,
                                  statistics=statistics, batch_size=batch_size)
            for choice in group:
                result = measure(objective, choice)
                logging.info("%s: sharpness %.4g (epsilon %g, %s)", record.name, result.sharpness, choice.epsilon,
                             f"subspace of {choice.subspace_dim}" if choice.subspace_dim else "full space")
                files.write_json(record.measurement(choice), {
                    **result.to_json(), "weights_checksum": record.result["checksums"][record.final_weights.name],
                })
