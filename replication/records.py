"""What the experiments leave on disk: the layout of a workdir, and the only code that knows it.

    WORKDIR/runs/F1-SB-trial0-1a2b3c4d/config.json, history.csv, initial.weights.h5,
        final.weights.h5, result.json, failure.json, sharpness/*.json, backup/
    WORKDIR/paths/*.json
    WORKDIR/tables/  WORKDIR/figures/  WORKDIR/report/index.html
"""

import contextlib
import csv
import io
import os
import pathlib
import shutil

import filelock

from replication import configuration, files
from replication.errors import BusyError, UserError

HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")


class Workdir:
    """The folder of one replication.

    Args:
        path: The folder; see `create` and `open` for one that is written or only read.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)

    @classmethod
    def create(cls, path):
        """The workdir at `path`, made where it is missing.

        Raises:
            UserError: `path` is a file, or cannot be written to.
        """
        workdir = cls(path)
        try:
            workdir.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--workdir={path}: cannot be made ({error.strerror}); give a folder "
                            "that can be written to") from None
        if not os.access(workdir.path, os.W_OK | os.X_OK):
            raise UserError(f"--workdir={path}: not writable; give a folder that can be written to")
        return workdir

    @classmethod
    def open(cls, path):
        """The workdir at `path`, which must hold runs already.

        Raises:
            UserError: there is no such folder, or it holds no run.
        """
        workdir = cls(path)
        if not workdir.path.is_dir():
            raise UserError(f"--workdir={path}: no such folder; give one that `python -m "
                            "replication.reproduce` or `train` has written")
        if not any(workdir._run_folders()):
            raise UserError(f"--workdir={path}: holds no run; make one with `python -m "
                            "replication.reproduce` or `train`")
        return workdir

    @property
    def tables(self):
        """The folder of the tables."""
        return self.path / "tables"

    @property
    def figures(self):
        """The folder of the figures."""
        return self.path / "figures"

    @property
    def page(self):
        """The file of the report."""
        return self.path / "report" / "index.html"

    def run(self, run):
        """The record of the run with this configuration (a `configuration.Run`), finished or not."""
        return RunRecord(self.path / "runs" / run.name)

    def runs(self):
        """All finished runs that can be read, and what is wrong with the others.

        Returns:
            A list of `RunRecord`, sorted by folder name, and a list of one-line messages, one for
            each damaged run. Runs that are merely unfinished or have failed are in neither.
        """
        sound, problems = [], []
        for folder in self._run_folders():
            record = RunRecord(folder)
            try:
                record.check_configuration()
                if record.is_finished:
                    record.check()
                    sound.append(record)
            except UserError as error:
                problems.append(str(error))
        return sound, problems

    def failures(self):
        """By name of the failed runs the reason that each gave, and what is wrong with the others'."""
        reasons, problems = {}, []
        for folder in self._run_folders():
            if (folder / "failure.json").exists():
                try:
                    reasons[folder.name] = str(files.read_json(folder / "failure.json").get("reason", "unknown"))
                except UserError as error:
                    problems.append(str(error))
        return reasons, problems

    def path_record(self, path, small_batch, large_batch):
        """The file of a parametric plot.

        Args:
            path: A `configuration.Path`.
            small_batch, large_batch: The `RunRecord` of its two minimizers.
        """
        run = small_batch.configuration
        pair = f"{small_batch.configuration.digest()}-{large_batch.configuration.digest()}"
        name = f"{run.network}-trial{run.trial}-{path.kind}-{path.digest()}-{pair}.json"
        return self.path / "paths" / name

    def paths(self):
        """The content of all parametric plots that can be read, and what is wrong with the others."""
        return _read_all(self.path / "paths")

    def _run_folders(self):
        return sorted(folder for folder in (self.path / "runs").glob("*") if folder.is_dir())


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
    def configuration(self):
        """The `configuration.Run` that made this record."""
        return read_configuration(self.folder / "config.json")

    @property
    def config(self):
        """The whole config.json: configuration, data, versions and machine."""
        return files.read_json(self.folder / "config.json")

    @property
    def result(self):
        """The content of result.json."""
        return files.read_json(self.folder / "result.json")

    @property
    def history(self):
        """Per epoch a dictionary of HISTORY_COLUMNS, numbers throughout."""
        with open(self.folder / "history.csv", newline="", encoding="utf-8") as file:
            return [
                {name: int(value) if name == "epoch" else float(value) for name, value in row.items()}
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
        (self.folder / "failure.json").unlink(missing_ok=True)

    def write_history(self, rows):
        """Replaces history.csv."""
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        files.write_text(self.folder / "history.csv", text.getvalue())

    def finish(self, result):
        """Writes result.json with the checksums of the other files, then drops the backup."""
        checksums = {
            path.name: files.file_checksum(path)
            for path in (self.initial_weights, self.final_weights, self.folder / "history.csv")
        }
        files.write_json(self.folder / "result.json", {**result, "checksums": checksums})
        self.drop_backup()

    def drop_backup(self):
        """Removes the state to resume from."""
        shutil.rmtree(self.state.parent, ignore_errors=True)

    def fail(self, reason):
        """Writes failure.json: why the run ended without a minimizer."""
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
        ones that result.json names.
        """
        for name, checksum in self.result.get("checksums", {}).items():
            path = self.folder / name
            if path.exists() and files.file_checksum(path) != checksum:
                raise UserError(f"{path}: damaged (its checksum is not the one in result.json); "
                                f"remove the folder {self.folder} to run it again")

    def measurement(self, sharpness):
        """The file of the measurement with this configuration (a `configuration.Sharpness`)."""
        return self.folder / "sharpness" / f"{sharpness.name}.json"

    def measurements(self):
        """The content of all measurements that can be read, and what is wrong with the others."""
        return _read_all(self.folder / "sharpness")

    @contextlib.contextmanager
    def lock(self, *, wait):
        """Holds this run against other processes; the lock ends with the process at the latest.

        Args:
            wait: Whether to wait for another process or to raise at once.

        Raises:
            BusyError: another process holds the run.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.folder}: cannot be made ({error.strerror})") from None
        lock = filelock.FileLock(self.folder / ".lock", timeout=-1 if wait else 0)
        try:
            with lock:
                yield
        except filelock.Timeout:
            raise BusyError(f"{self.folder}: another process is working on this run; wait for it, "
                            "or give another --workdir") from None


def read_configuration(path):
    """The `configuration.Run` of a config.json.

    Raises:
        UserError: the file is damaged, or is no configuration of a run.
    """
    content = files.read_json(path)
    fields = content.get("configuration")
    if not isinstance(fields, dict):
        raise UserError(f"{path}: has no object 'configuration'; expected the config.json of a run")
    try:
        return configuration.Run.from_json(fields)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _read_all(folder):
    contents, problems = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            contents.append(files.read_json(path))
        except UserError as error:
            problems.append(str(error))
    return contents, problems
