"""Trains one network from x_0 to a minimizer and leaves the record in the workdir.

    python -m replication.train --network=F1 --regime=LB --trial=0 --workdir=work
"""

import contextlib

from absl import logging

import flags.data
import flags.export
import flags.training
import flags.workdir
from replication import entry, records
from replication.errors import MissingDataError


def main(argv):
    """Trains the run that the flags describe and prints the path of its record."""
    run = flags.training.run(entry.resolve_jit_compile, entry.available_devices)
    keep = flags.training.kept_schedules()
    workdir = records.Workdir.create(flags.workdir.path())
    from replication.training import train

    was_finished = workdir.run(run).is_finished
    record = train(run, workdir, data_dir=flags.data.DATA_DIR.value, recorded_data=flags.training.recorded_data(),
                   tensorboard=flags.training.TENSORBOARD.value, verbose=entry.progress(), keep=keep)
    if was_finished:
        _warn_of_other_data(record)
    if flags.export.EXPORT_KERAS.value:
        from replication.weights import export_keras

        export_keras(record)
    result = record.result
    metrics = result[run.statistics]
    print(f"{record.folder}: {result['epochs']} epochs ({result['stop']}); "
          f"f {metrics['train_loss']:.4g}, accuracy {metrics['train_accuracy']:.2%} on the training set, "
          f"{metrics['test_accuracy']:.2%} on the test set")


def _warn_of_other_data(record):
    """Logs a warning if a run that was finished already was trained on other data than those prepared now, if any."""
    from replication import data

    name = record.configuration.dataset
    with contextlib.suppress(MissingDataError):
        if record.config.get("data") != data.load(name, flags.data.DATA_DIR.value).to_json():
            logging.warning("%s: was trained on other data than the %s prepared now", record.folder, name)


if __name__ == "__main__":
    entry.run(main)
