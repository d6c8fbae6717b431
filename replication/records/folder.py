"""Folders of records and files of weights: reading and checking them."""

import pathlib

from replication import files
from replication.errors import UserError, collect

# The files of a run whose checksums stand in its result.json.
CHECKED_FILES = ("initial.weights.h5", "final.weights.h5", "history.csv")

REMAKE = "`reproduce --remake_damaged`"
# For the files that a run leaves beside its own, and for paths.
FILE_REMEDY = f"remove it, or give {REMAKE}, to have it made again"


class Folder:
    """A folder with the records of measurements in it, a folder for each kind.

    Attributes:
        folder: The folder, a `pathlib.Path`.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def measurement(self, choices, *runs):
        """Returns the file of a measurement.

        Args:
            choices: A `configuration.Measurement`.
            *runs: The `configuration.Run`s that it joins, for a kind of measurement that joins runs.
        """
        return self.folder / choices.KIND / f"{choices.record_name(*runs)}.json"

    def measurements(self, kind):
        """Returns the contents of all measurements of a kind that can be read, and a message for each of the others."""
        # Files that are being written begin with a dot.
        return collect(lambda path: files.read_json(path, FILE_REMEDY), sorted((self.folder / kind).glob("[!.]*.json")))


class ConfiguredFolder(Folder):
    """A folder that is named after the configuration in one of its files.

    Attributes:
        CONFIGURATION: The class of the configuration.
        FILE: The name of the file with the configuration and the data.
        remedy: What a user does about a damaged file, for messages.
    """

    @property
    def name(self):
        """The name of the folder."""
        return self.folder.name

    @property
    def config(self):
        """The content of the file with the configuration and the data.

        Raises:
            UserError: it is not there, or damaged.
        """
        return files.read_json(self.folder / self.FILE, self.remedy)

    @property
    def configuration(self):
        """The configuration that made this record.

        Raises:
            UserError: the file is not there, damaged, or holds no such configuration.
        """
        return configuration_of(self.CONFIGURATION, self.config, file=self.folder / self.FILE, remedy=self.remedy)

    def check_configuration(self):
        """Raises a UserError unless the configuration is sound and belongs to this folder."""
        name = self.configuration.name
        if name != self.name:
            raise UserError(f"{self.folder / self.FILE}: belongs to the {self._noun} {name}, not to this folder")

    def check_data(self, data):
        """Raises a UserError unless the record was begun on these data, a `data.Data.to_json()`."""
        if self.config.get("data") != data:
            raise UserError(f"{self.folder / self.FILE}: this {self._noun} was started on other data than the "
                            f"{data['name']} prepared now; give another --workdir or the data it was started on")

    @property
    def _noun(self):
        return self.CONFIGURATION.__name__.lower()


class WeightsRecord(Folder):
    """A file with all weights of a run, in Keras's format, and a JSON file beside it that holds its checksum.

    Args:
        folder: The folder of its measurements.
        epoch: Number of epochs of the run after which these were its weights.
        weights: The file.
        description: The JSON file with the checksum; it is written last.
        remedy: What a user does about a damaged file.

    Attributes:
        folder, epoch, weights, remedy: The arguments of these names.
    """

    def __init__(self, folder, epoch, *, weights, description, remedy):
        super().__init__(folder)
        self.epoch = epoch
        self.weights = weights
        self._description = description
        self.remedy = remedy

    @property
    def exists(self):
        """Whether the weights were written to the end."""
        return self._description.exists()

    @property
    def content(self):
        """The content of the JSON file."""
        return files.read_json(self._description, self.remedy)

    @property
    def checksum(self):
        """The SHA-256 of the file when it was written; None if the record does not hold it."""
        return self.content.get("checksum")

    def check(self):
        """Raises a UserError unless the weights are those that were written; they may be absent."""
        check_file(self.weights, self.checksum, named_in=self._description.name, remedy=self.remedy)


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


def run_remedy(folder):
    """Returns what a user does about a damaged run, for messages."""
    return f"remove the folder {folder}, or give {REMAKE}, to run it again"


def configuration_of(kind, content, *, file, remedy):
    """Returns the configuration in the content of a file.

    Args:
        kind: Its class: `configuration.Run`, `Sharpness`, ...
        content: The content of the file, a dictionary.
        file: The file, for messages.
        remedy: What the user can do if there is none, for messages.

    Raises:
        UserError: there is no configuration, or it is not of this kind.
    """
    fields = content.get("configuration")
    if not isinstance(fields, dict):
        raise UserError(f"{file}: has no object 'configuration' of a {kind.__name__.lower()}; {remedy}")
    try:
        return kind.from_json(fields)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None


def check_file(path, checksum, *, named_in, remedy):
    """Raises a UserError if `path` is there and is not the file that was written.

    Args:
        path: The file. A record may lack its weights (published results do).
        checksum: The `files.file_checksum` of the file when it was written.
        named_in: Name of the file that holds the checksum.
        remedy: What the user can do.
    """
    if path.exists() and files.file_checksum(path) != checksum:
        raise UserError(f"{path}: damaged (its checksum is not the one in {named_in}); {remedy}")


def checksums(path):
    """Returns by name the SHA-256 of CHECKED_FILES that a result.json holds.

    Raises:
        UserError: the file is damaged, or names others: names in a file must not lead out of its folder.
    """
    remedy = run_remedy(path.parent)
    found = files.read_json(path, remedy).get("checksums", {})
    if not isinstance(found, dict) or not set(found) <= set(CHECKED_FILES):
        raise UserError(f"{path}: damaged (checksums of other files than {', '.join(CHECKED_FILES)}); {remedy}")
    return found
