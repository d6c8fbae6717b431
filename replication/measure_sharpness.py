"""Measures Metric 2.1 for all minimizers of a workdir, or for a model of your own.

    python -m replication.measure_sharpness --workdir=work
    python -m replication.measure_sharpness --model=mine.keras --dataset=mnist --epsilon=1e-3 --subspace_dim=0
"""

import os

import flags.data
import flags.dataset
import flags.distribution
import flags.sharpness
import flags.workdir
from replication import entry, records
from replication.errors import UserError, collect
from replication.store import schema


def main(argv):
    """Measures what the flags ask for and prints a row for each measurement."""
    flags.sharpness.choices(seed=0)
    number = flags.distribution.number(entry.available_devices)
    if flags.sharpness.MODEL.value is None:
        _measure_workdir(number)
    else:
        _measure_model(number)


def _measure_model(number):
    if flags.workdir.WORKDIR.present:
        raise UserError("--workdir: not valid with --model, whose measurements are printed alone")
    file, choices = os.path.expanduser(flags.sharpness.MODEL.value), flags.sharpness.choices(seed=0)
    from replication import data, sharpness, weights
    from replication.devices import devices
    from replication.execution.measurement import overview

    # The devices come first, before TensorFlow starts.
    chosen = devices(number)
    dataset = data.load(flags.dataset.dataset(), flags.data.DATA_DIR.value)
    first, loss = choices[0], flags.sharpness.LOSS.value
    objective = sharpness.Objective(
        weights.load_model(file, compile=loss == "compiled"),
        *dataset.training_examples(first.examples, first.partition), statistics=first.statistics,
        batch_size=first.batch_size, dropout_active=first.dropout_active,
        from_logits=flags.sharpness.FROM_LOGITS.value, loss=loss, variables=flags.sharpness.VARIABLES.value,
        seed=first.partition, devices=chosen)
    sharpness.log_warnings(objective)
    print(overview((file, sharpness.compute(objective, choice).to_json()) for choice in choices))
    if flags.sharpness.PER_LAYER.value:
        print()
        print(overview((layer, result.to_json()) for choice in choices
                       for layer, result in sharpness.compute_layers(objective, choice).items()))


def _measure_workdir(number):
    for flag in (*flags.sharpness.OF_A_MODEL, flags.dataset.DATASET):
        if flag.present:
            raise UserError(f"--{flag.name}: only valid with --model; the runs of --workdir have their own")
    sound, problems = records.Workdir.open(flags.workdir.path()).runs(checksums=False)
    if not sound and not problems:
        raise UserError(f"--workdir={flags.workdir.path()}: holds no finished run to measure")
    from replication import data
    from replication.devices import devices
    from replication.execution.measurement import measure_run, overview

    # The devices come first, before TensorFlow starts.
    chosen, results = devices(number), []
    for record in sound:
        choices = flags.sharpness.choices(seed=record.configuration.trial)
        try:
            if not all(record.minimizer.measurement(choice).exists() for choice in choices):
                measure_run(record, choices, data.load(record.configuration.dataset, flags.data.DATA_DIR.value),
                            devices=chosen)
        except UserError as error:
            problems.append(str(error))
        contents, damaged = record.measurements("sharpness")
        found, unsound = collect(lambda content, record=record: (_choices(record, content), content), contents)
        problems += [*damaged, *unsound]
        results += [(record.name, content) for measured, content in found if measured in choices]
    print(overview(results))
    entry.report_problems(problems)


def _choices(record, content):
    """Returns the choices of a measurement of a minimizer, which must be complete and of the run's own weights."""
    return schema.measurement(content, "sharpness", record.folder / "sharpness", weights=record.minimizer.checksum)


if __name__ == "__main__":
    entry.run(main)
