"""The weights of a run at one of its epochs, and the measurements made at them."""

import pathlib

from replication import files
from replication.records.folder import REMAKE, Folder, check_file, checksums, run_remedy


class WeightsRecord(Folder):
    """A file with all weights of a run, in Keras's format, and a JSON file beside it that holds its checksum.

    Args:
        folder: The folder of its measurements.
        epoch: Number of epochs of the run after which these were its weights.
        weights: The file.
        description: The JSON file with the checksum; it is written last.
        remedy: What a user does about a damaged file.

    Attributes:
        folder, epoch, weights: The arguments of these names.
    """

    def __init__(self, folder, epoch, *, weights, description, remedy):
        super().__init__(folder)
        self.epoch = epoch
        self.weights = weights
        self._description = description
        self._remedy = remedy

    @property
    def exists(self):
        """Whether the weights were written to the end."""
        return self._description.exists()

    @property
    def content(self):
        """The content of the JSON file."""
        return files.read_json(self._description, self._remedy)

    @property
    def checksum(self):
        """The SHA-256 of the file when it was written; None if the record does not hold it."""
        return self.content.get("checksum")

    def check(self):
        """Raises a UserError unless the weights are those that were written; they may be absent."""
        check_file(self.weights, self.checksum, named_in=self._description.name, remedy=self._remedy)


class EndRecord(WeightsRecord):
    """x_0 or the minimizer of a run, whose checksum stands in result.json.

    Args:
        folder, epoch: See `WeightsRecord`.
        weights: The file, in the run's folder.
    """

    def __init__(self, folder, epoch, weights):
        super().__init__(folder, epoch, weights=weights, description=weights.parent / "result.json",
                         remedy=run_remedy(weights.parent))

    @property
    def checksum(self):
        return checksums(self._description).get(self.weights.name)


class IterateRecord(WeightsRecord):
    """A kept iterate of a run, with iterate.json beside its weights.

    Args:
        folder: Its folder, such as iterates/0007 of the run's; the name is the epoch.
    """

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        super().__init__(
            folder, int(folder.name), weights=folder / "iterate.weights.h5", description=folder / "iterate.json",
            remedy=f"remove the folder {folder} and train the run again with --keep_iterates={int(folder.name)}, "
                   f"or give {REMAKE}")

    def begin(self):
        """Marks the iterate as absent until `finish`, because other weights are about to be written."""
        self._description.unlink(missing_ok=True)

    def finish(self, **remarks):
        """Writes iterate.json once the weights are there.

        Args:
            **remarks: Further fields of it, such as `replayed`.
        """
        files.write_json(self._description, {
            "epoch": self.epoch, "checksum": files.file_checksum(self.weights), **remarks})


def existing_iterates(folder):
    """Returns the `IterateRecord`s in a folder iterates, by epoch."""
    iterates = [IterateRecord(each) for each in folder.glob("*") if each.name.isdecimal()]
    return sorted((each for each in iterates if each.exists), key=lambda each: each.epoch)
