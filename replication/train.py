"""Trains one network from x_0 to a minimizer and leaves the record in the workdir.

    python -m replication.train --network=F1 --regime=LB --trial=0 --workdir=work
"""

import flags.data
import flags.export
import flags.training
import flags.workdir
from replication import entry, records


def main(argv):
    """Trains the run that the flags describe and prints the path of its record."""
    run = flags.training.run(entry.resolve_jit_compile, entry.available_devices)
    keep = flags.training.kept_schedules()
    workdir = records.Workdir.create(flags.workdir.path())
    from replication.training import train

    record = train(run, workdir, data_dir=flags.data.DATA_DIR.value, recorded_data=flags.training.recorded_data(),
                   tensorboard=flags.training.TENSORBOARD.value, verbose=entry.progress(), keep=keep)
    if flags.export.EXPORT_KERAS.value:
        from replication.weights import export_keras

        export_keras(record)
    result = record.result
    metrics = result[run.statistics]
    print(f"{record.folder}: {result['epochs']} epochs ({result['stop']}); "
          f"f {metrics['train_loss']:.4g}, accuracy {metrics['train_accuracy']:.2%} on the training set, "
          f"{metrics['test_accuracy']:.2%} on the test set")


if __name__ == "__main__":
    entry.run(main)
