"""A run of small and one of large batches, short enough to be trained again and again."""

from replication import configuration, records, training
from tests import networks

RUN = configuration.Run(network=networks.WIDE, regime="SB", trial=0, dataset="digits", batch_size=359, epochs=5)
LARGE = configuration.Run(network=networks.WIDE, regime="LB", trial=0, dataset="digits", batch_size=719, epochs=1)


def train(run, folder, **options):
    """Trains a run in a workdir of its own, and returns its record."""
    return training.train(run, records.Workdir.create(folder), verbose=0, **options)


def checksums(record):
    """The checksums of the kept iterates by epoch."""
    return {iterate.epoch: iterate.checksum for iterate in record.iterates()}
