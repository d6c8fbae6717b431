"""The folder of one replication."""

import contextlib
import os

from replication import files
from replication.errors import UserError, collect
from replication.records.folder import Folder
from replication.records.run import RunRecord, SearchRecord


class Workdir(Folder):
    """The folder of one replication.

    Args:
        path: The folder; `create` and `open` check one that is written or only read.
    """

    def __init__(self, path):
        super().__init__(path)
        self.path = self.folder

    @classmethod
    def create(cls, path):
        """Returns the workdir at `path`, and makes the folder if it is missing.

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
        """Returns the workdir at `path`, which must hold runs or searches already.

        Raises:
            UserError: there is no such folder, or it holds neither.
        """
        workdir = cls(path)
        if not workdir.path.is_dir():
            raise UserError(f"--workdir={path}: no such folder; give one that `python -m "
                            "replication.reproduce` or `train` has written")
        if not workdir._run_records() and not any(workdir.path.glob("tuning/*/search.json")):
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
    def measurements_table(self):
        """The file of all measurements."""
        return self.path / "measurements.csv"

    @property
    def page(self):
        """The file of the report."""
        return self.path / "report" / "index.html"

    @contextlib.contextmanager
    def drawing(self):
        """Opens a block in which tables, figures and page are written; waits for other processes.

        Files that killed processes had begun to write there are removed.
        """
        with files.lock(self.page.parent, "report", wait=True):
            files.remove_partial(self.path, self.measurements_table.name, below=False)
            for folder in (self.tables, self.figures):
                files.remove_partial(folder)
            yield

    def run(self, run):
        """Returns the record of a `configuration.Run`, finished or not."""
        return self.run_named(run.name)

    def run_named(self, name):
        """Returns the record of the run with this name, which need not be there."""
        return RunRecord(self.path / "runs" / name)

    def runs(self, *, checksums=True):
        """Returns all finished runs that can be read, and a message for each damaged one.

        Args:
            checksums: Whether to read all files and compare their checksums. Code that loads weights need not, because
                loading checks them.

        Returns:
            A list of `RunRecord`s, sorted by folder name, and a list of one-line messages. Runs that are unfinished
            or have failed are in neither.
        """
        def read(record):
            record.check_configuration()
            if record.is_finished and checksums:
                record.check()
            return record

        begun = [record for record in self._run_records() if record.was_begun]
        sound, problems = collect(read, begun)
        return [record for record in sound if record.is_finished], problems

    def failures(self):
        """Returns the reason of each failed run by its name, and a message for each failure.json that is damaged."""
        found, problems = collect(lambda record: (record.name, record.failure), self._run_records())
        return {name: reason for name, reason in found if reason is not None}, problems

    def search(self, search):
        """Returns the `SearchRecord` of a `configuration.Search`, begun or not."""
        return SearchRecord(self.path / "tuning" / search.name)

    def searches(self):
        """Returns the `SearchRecord`s of all searches that can be read, by name, and a message for each damaged one."""
        def read(path):
            record = SearchRecord(path.parent)
            record.check_configuration()
            return record

        return collect(read, sorted(self.path.glob("tuning/*/search.json")))

    def _run_records(self):
        return [RunRecord(folder) for folder in sorted((self.path / "runs").glob("*")) if folder.is_dir()]
