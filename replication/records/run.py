"""The folder of one training run."""

import csv
import io
import pathlib
import shutil

from replication import configuration, errors, files
from replication.errors import UserError
from replication.records.contents import CHECKED_FILES, check_file, checksums, configuration_of, read_all, run_remedy
from replication.records.iterate import EndRecord, IterateRecord, existing_iterates

HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")
# Of runs whose batches grow alone.
BATCH_SIZE_COLUMN = "batch_size"


class RunRecord:
    """The folder of one training run. It is finished when result.json is there."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.initial_weights = self.folder / "initial.weights.h5"
        self.final_weights = self.folder / "final.weights.h5"
        self.state = self.folder / "backup" / "state.npz"
        self.logs = self.folder / "logs"

    @property
    def name(self):
        """The name of the folder."""
        return self.folder.name

    @property
    def is_finished(self):
        """Whether the run has a result."""
        return (self.folder / "result.json").exists()

    @property
    def failure(self):
        """The reason in failure.json: why the run ended without a minimizer; None where it has not failed.

        Raises:
            UserError: failure.json is damaged.
        """
        path = self.folder / "failure.json"
        remedy = "remove it to have the run trained again"
        return str(files.read_json(path, remedy).get("reason", "unknown")) if path.exists() else None

    @property
    def was_begun(self):
        """Whether there is a run: a folder is made, and held, before its data are known to be there."""
        return (self.folder / "config.json").exists() or self.is_finished

    @property
    def configuration(self):
        """The `configuration.Run` that made this record."""
        return read_configuration(self.folder / "config.json", run_remedy(self.folder))

    @property
    def config(self):
        """The whole config.json: configuration, data, versions and machine."""
        return files.read_json(self.folder / "config.json", run_remedy(self.folder))

    @property
    def result(self):
        """The content of result.json."""
        return files.read_json(self.folder / "result.json", run_remedy(self.folder))

    @property
    def epochs(self):
        """How many epochs a finished run took.

        Raises:
            UserError: result.json is damaged.
        """
        epochs = self.result.get("epochs")
        if not errors.is_whole(epochs, 0):
            raise UserError(f"{self.folder / 'result.json'}: damaged (epochs={epochs!r}); {run_remedy(self.folder)}")
        return epochs

    @property
    def history(self):
        """Per epoch a dictionary of HISTORY_COLUMNS, numbers throughout; where batches grow, of their size as well."""
        with open(self.folder / "history.csv", newline="", encoding="utf-8") as file:
            return [
                {name: int(value) if name in ("epoch", BATCH_SIZE_COLUMN) else float(value)
                 for name, value in row.items()}
                for row in csv.DictReader(file)
            ]

    def start(self, config):
        """Writes config.json for a new run; for one that exists, checks that its data are the same.

        Raises:
            UserError: the folder was made with other data, or its config.json is damaged.
        """
        path = self.folder / "config.json"
        if path.exists():
            self.check_configuration()
            self.check_data(config["data"])
        else:
            files.write_json(path, config)

    def write_history(self, rows):
        """Replaces history.csv."""
        text = io.StringIO()
        grow = any(BATCH_SIZE_COLUMN in row for row in rows)
        columns = (*HISTORY_COLUMNS, BATCH_SIZE_COLUMN) if grow else HISTORY_COLUMNS
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        files.write_text(self.folder / "history.csv", text.getvalue())

    def finish(self, result):
        """Writes result.json with the checksums of the other files, then drops the backup."""
        written = {name: files.file_checksum(self.folder / name) for name in CHECKED_FILES}
        files.write_json(self.folder / "result.json", {**result, "checksums": written})
        self.drop_backup()

    def drop_backup(self):
        """Removes the state to resume from."""
        shutil.rmtree(self.state.parent, ignore_errors=True)

    def fail(self, reason):
        """Writes failure.json with the reason; the run is not trained again while it is there."""
        files.write_json(self.folder / "failure.json", {"reason": reason})

    def check_configuration(self):
        """Raises a UserError unless config.json is sound and belongs to this folder."""
        run = self.configuration
        if run.name != self.name:
            raise UserError(f"{self.folder / 'config.json'}: belongs to the run {run.name}, not to this folder")

    def check_data(self, data):
        """Raises a UserError unless the run was started on these data, a `data.Data.to_json()`."""
        if self.config.get("data") != data:
            raise UserError(f"{self.folder / 'config.json'}: this run was started on other data than the "
                            f"{data['name']} prepared now; give another --workdir or the data it was started on")

    def check(self):
        """Raises a UserError that names the first damaged file of a finished run.

        A record may lack its weights (published results do); weights that are there must be the
        ones that result.json names. Kept iterates are checked one by one, by `IterateRecord.check`.
        """
        for name, checksum in checksums(self.folder / "result.json").items():
            check_file(self.folder / name, checksum, named_in="result.json",
                       remedy=run_remedy(self.folder))

    @property
    def minimizer(self):
        """The `WeightsRecord` of the minimizer of a finished run."""
        return EndRecord(self.folder, self.epochs, self.final_weights)

    def iterate(self, epoch):
        """The `IterateRecord` of the weights after so many epochs, kept or not; for 0 an `EndRecord` of x_0."""
        folder = self.folder / "iterates" / f"{epoch:04d}"
        return IterateRecord(folder) if epoch else EndRecord(folder, 0, self.initial_weights)

    def iterates(self):
        """The kept iterates, by epoch; x_0 is none of them."""
        return existing_iterates(self.folder / "iterates")

    def kept_iterate(self, epoch):
        """The same as `iterate`, for one that must have been kept.

        Raises:
            UserError: it was not; the message names the command that does it.
        """
        iterate = self.iterate(epoch)
        if iterate.exists:
            return iterate
        if not self.is_finished:
            raise UserError(f"{self.folder}: no finished run, and no iterate of epoch {epoch} was kept; train it "
                            f"first, with --keep_iterates={epoch}")
        if epoch > self.epochs:
            raise UserError(f"{self.folder}: has no epoch {epoch}, the run took {self.epochs}")
        raise UserError(
            f"{iterate.folder}: the iterate was not kept; keep it by `python -m replication.train --config="
            f"{self.folder / 'config.json'} --keep_iterates={epoch} --workdir={self.folder.parent.parent}`")

    def measurement(self, choices):
        """The file of the minimizer's measurement with these choices (a `configuration.Measurement`)."""
        return self.folder / choices.KIND / f"{choices.record_name()}.json"

    def measurements(self, kind="sharpness"):
        """The content of the minimizer's measurements of a kind that can be read, and what is wrong with the others."""
        return read_all(self.folder / kind)

    def steepness(self, choices):
        """The file of the steepness at the minimizer with these choices (a `configuration.Steepness`)."""
        return self.folder / "steepness" / f"{choices.name}.json"

    def steepnesses(self):
        """The content of all such files that can be read, and what is wrong with the others."""
        return read_all(self.folder / "steepness")

    def lock(self, *, wait):
        """Holds this run against other processes; the lock ends with the process at the latest.

        Args:
            wait: Whether to wait for another process or to raise at once.

        Raises:
            BusyError: another process holds the run.
        """
        return files.lock(self.folder, "run", wait=wait)


def read_configuration(path, remedy="give a whole one"):
    """The `configuration.Run` of a config.json.

    Args:
        path: The file.
        remedy: What the user can do where it is damaged.

    Raises:
        UserError: the file is damaged, or is no configuration of a run.
    """
    return configuration_of(configuration.Run, files.read_json(path, remedy), path, remedy)
