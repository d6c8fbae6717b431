"""The weights of a run after one of its epochs, and the measurements of them."""

import pathlib

from replication import files
from replication.records.contents import REMAKE, check_file, checksums, read_all, run_remedy


class WeightsRecord:
    """A file of all weights of a run, in Keras's format, with a file beside it that tells the checksum.

    Args:
        folder: Where its measurements are.
        epoch: After how many epochs of the run.
        weights: The file.
        description: The JSON file that tells the checksum; it is written last.
        remedy: What a user does about a damaged file.

    Attributes:
        folder, epoch, weights: As above.
    """

    def __init__(self, folder, epoch, *, weights, description, remedy):
        self.folder = pathlib.Path(folder)
        self.epoch = epoch
        self.weights = weights
        self._description = description
        self._remedy = remedy

    @property
    def exists(self):
        """Whether the weights were written, and to the end."""
        return self._description.exists()

    @property
    def content(self):
        """The content of the JSON file."""
        return files.read_json(self._description, self._remedy)

    @property
    def checksum(self):
        """The SHA-256 of the weights' file when it was written; None where the record does not tell."""
        return self.content.get("checksum")

    def check(self):
        """Raises a UserError unless the weights are those that were written; they may be absent."""
        check_file(self.weights, self.checksum, named_in=self._description.name, remedy=self._remedy)

    def measurement(self, choices):
        """The file of the measurement with these choices (a `configuration.Measurement`)."""
        return self.folder / choices.KIND / f"{choices.record_name()}.json"

    def measurements(self, kind="sharpness"):
        """The content of all measurements of a kind that can be read, and what is wrong with the others."""
        return read_all(self.folder / kind)


class EndRecord(WeightsRecord):
    """x_0 or the minimizer of a run, whose checksum stands in result.json.

    Args:
        folder, epoch, weights: As in `WeightsRecord`; the file of weights is in the run's folder.
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
        """Prepares for other weights: until `finish` the iterate is not there."""
        self._description.unlink(missing_ok=True)

    def finish(self, **remarks):
        """Writes iterate.json once the weights are there.

        Args:
            **remarks: Further fields of it, such as `replayed`.
        """
        files.write_json(self._description, {
            "epoch": self.epoch, "checksum": files.file_checksum(self.weights), **remarks})


def existing_iterates(folder):
    """The `IterateRecord`s in a folder iterates, by epoch."""
    iterates = [IterateRecord(each) for each in folder.glob("*") if each.name.isdecimal()]
    return sorted((each for each in iterates if each.exists), key=lambda each: each.epoch)
