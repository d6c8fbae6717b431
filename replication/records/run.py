"""The folders of one training run and of one search for hyperparameters."""

import csv
import io
import shutil

from replication import configuration, files
from replication.errors import UserError, is_whole
from replication.records.folder import (
    CHECKED_FILES,
    ConfiguredFolder,
    EndRecord,
    IterateRecord,
    check_file,
    checksums,
    configuration_of,
    existing_iterates,
    run_remedy,
)

_GIVE = "give a whole one"
HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")
# Columns of runs whose batches grow, and of runs with a target for the training accuracy or loss.
OPTIONAL_COLUMNS = ("batch_size", "train_accuracy", "train_loss")


class RunRecord(ConfiguredFolder):
    """The folder of one training run. The run is finished when result.json is there."""

    CONFIGURATION = configuration.Run
    FILE = "config.json"

    def __init__(self, folder):
        super().__init__(folder)
        self.initial_weights = self.folder / "initial.weights.h5"
        self.final_weights = self.folder / "final.weights.h5"
        self.exported_model = self.folder / "final.keras"
        self.exported_page = self.folder / "final.keras.md"
        self.state = self.folder / "backup" / "state.npz"
        self.logs = self.folder / "logs"

    @property
    def remedy(self):
        """What a user does about a damaged run, for messages."""
        return run_remedy(self.folder)

    @property
    def is_finished(self):
        """Whether the run has a result."""
        return (self.folder / "result.json").exists()

    @property
    def failure(self):
        """The reason in failure.json why the run ended without a minimizer; None if it has not failed.

        Raises:
            UserError: failure.json is damaged.
        """
        if not self.has_failed:
            return None
        content = files.read_json(self.folder / "failure.json", "remove it to have the run trained again")
        return str(content.get("reason", "unknown"))

    @property
    def has_failed(self):
        """Whether the run has ended without a minimizer."""
        return (self.folder / "failure.json").exists()

    @property
    def was_begun(self):
        """Whether the run has begun: the folder is made and locked before its data are known to be there."""
        return (self.folder / "config.json").exists() or self.is_finished

    @property
    def result(self):
        """The content of result.json."""
        return files.read_json(self.folder / "result.json", self.remedy)

    @property
    def epochs(self):
        """The number of epochs that a finished run took.

        Raises:
            UserError: result.json is damaged.
        """
        epochs = self.result.get("epochs")
        if not is_whole(epochs, 0):
            raise UserError(f"{self.folder / 'result.json'}: damaged (epochs={epochs!r}); {self.remedy}")
        return epochs

    @property
    def stops(self):
        """The epochs at which a finished run would have ended by each of its stops; its last if it has but one."""
        return tuple(self.result.get("stops", {"ceased": self.epochs}).values())

    @property
    def history(self):
        """A dictionary of the HISTORY_COLUMNS for each epoch, all numbers, and of the OPTIONAL_COLUMNS that it has."""
        with open(self.folder / "history.csv", newline="", encoding="utf-8") as file:
            return [
                {name: int(value) if name in ("epoch", "batch_size") else float(value)
                 for name, value in row.items()}
                for row in csv.DictReader(file)
            ]

    def start(self, config):
        """Writes config.json for a new run, or checks that a run that exists was begun on the same data.

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
        columns = (*HISTORY_COLUMNS, *(name for name in OPTIONAL_COLUMNS if any(name in row for row in rows)))
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

    def check(self):
        """Raises a UserError that names the first damaged file of a finished run.

        A record may lack its weights (published results do); weights that are there must be those that result.json
        names. Kept iterates are checked one by one, by `IterateRecord.check`.
        """
        for name, checksum in checksums(self.folder / "result.json").items():
            check_file(self.folder / name, checksum, named_in="result.json",
                       remedy=self.remedy)

    def check_start(self):
        """Raises a UserError if the run began at weights that the run that it names no longer has.

        What is not known, because that run is not there or has not kept the iterate, is no error.
        """
        start = self.configuration.start
        if start is None:
            return
        source = RunRecord(self.folder.parent / start.run)
        try:
            if not source.is_finished:
                return
            point = source.minimizer if start.epoch is None else source.iterate(start.epoch)
            present = point.checksum if point.exists else None
        except UserError:
            # What is damaged there is told of that run.
            return
        began = None
        if self.is_finished:
            began = self.iterate(0).checksum
        elif self.state.exists() and self.initial_weights.exists():
            began = files.file_checksum(self.initial_weights)
        if None not in (began, present) and began != present:
            raise UserError(f"{self.folder}: began at other weights than those of {point.weights}; {self.remedy}")

    @property
    def minimizer(self):
        """The `WeightsRecord` of the minimizer of a finished run."""
        return EndRecord(self.folder, self.epochs, self.final_weights)

    def iterate(self, epoch):
        """Returns the `IterateRecord` of the weights after an epoch, kept or not; for 0 the `EndRecord` of x_0."""
        folder = self.folder / "iterates" / f"{epoch:04d}"
        return IterateRecord(folder) if epoch else EndRecord(folder, 0, self.initial_weights)

    def iterates(self):
        """Returns the kept iterates by epoch, without x_0."""
        return existing_iterates(self.folder / "iterates")

    def kept_iterate(self, epoch):
        """Returns the `iterate` of an epoch, which must have been kept.

        Raises:
            UserError: it was not kept; the message names the command that keeps it.
        """
        iterate = self.iterate(epoch)
        if iterate.exists:
            return iterate
        if not self.is_finished:
            raise UserError(f"{self.folder}: not finished, and no iterate of epoch {epoch} was kept; train it "
                            f"first, with --keep_iterates={epoch}")
        if epoch > self.epochs:
            raise UserError(f"{self.folder}: has no epoch {epoch}, the run took {self.epochs}")
        raise UserError(
            f"{iterate.folder}: the iterate was not kept; keep it by `python -m replication.train --config="
            f"{self.folder / 'config.json'} --keep_iterates={epoch} --workdir={self.folder.parent.parent}`")

    def lock(self, *, wait):
        """Locks this run against other processes; the lock ends with the process at the latest.

        Args:
            wait: Whether to wait for another process or to raise at once.

        Raises:
            BusyError: another process has locked the run.
        """
        return files.lock(self.folder, "run", wait=wait)


class SearchRecord(ConfiguredFolder):
    """The folder of one search: search.json, its trials' runs, and the state that keras-tuner resumes from."""

    CONFIGURATION = configuration.Search
    FILE = "search.json"
    remedy = "remove it and run the search's command again, which writes a new one"

    def __init__(self, folder):
        super().__init__(folder)
        self.best = self.folder / "best.json"

    @property
    def was_begun(self):
        """Whether there is a search.json."""
        return (self.folder / "search.json").exists()

    def write(self, content, best):
        """Replaces search.json, and best.json by the configuration of the best run.

        Args:
            content: The content of search.json.
            best: The best `configuration.Run`, or None if there is none yet.
        """
        files.write_json(self.folder / "search.json", content)
        if best is not None:
            files.write_json(self.best, {"configuration": best.to_json()})

    def failure(self, trial):
        """Returns the file with the reason why a trial failed; `trial` is the trial's name."""
        return self.folder / f"trial_{trial}" / "failure.json"

    def lock(self):
        """Locks this search against other processes; raises a BusyError if another one has locked it.

        Its runs have locks of their own: workers of a search may be training.
        """
        return files.lock(self.folder, "search", wait=False, below=False)


def read_configuration(path):
    """Returns the `configuration.Run` of a config.json.

    Args:
        path: The file.

    Raises:
        UserError: the file is damaged, or is not the configuration of a run.
    """
    return configuration_of(configuration.Run, files.read_json(path, _GIVE), file=path, remedy=_GIVE)


def read_data(path):
    """Returns the data of the run of a config.json, a `data.Data.to_json()`; None if the file does not tell them.

    Args:
        path: The file.

    Raises:
        UserError: the file is damaged.
    """
    return files.read_json(path, _GIVE).get("data")
