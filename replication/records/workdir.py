"""The folder of one replication."""

import contextlib
import os
import pathlib

from replication import files
from replication.errors import UserError
from replication.records.contents import read_all
from replication.records.run import RunRecord
from replication.records.search import SearchRecord


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
        """The workdir at `path`, which must hold runs or searches already.

        Raises:
            UserError: there is no such folder, or it holds neither.
        """
        workdir = cls(path)
        if not workdir.path.is_dir():
            raise UserError(f"--workdir={path}: no such folder; give one that `python -m "
                            "replication.reproduce` or `train` has written")
        if not any(workdir._run_folders()) and not any(workdir.path.glob("tuning/*/search.json")):
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

    @contextlib.contextmanager
    def drawing(self):
        """A block in which tables, figures and page are written; other processes are waited for.

        What killed processes have left of files that they were writing there is removed.
        """
        with files.lock(self.page.parent, "report", wait=True):
            for folder in (self.tables, self.figures):
                files.remove_partial(folder)
            yield

    def run(self, run):
        """The record of the run with this configuration (a `configuration.Run`), finished or not."""
        return self.run_named(run.name)

    def run_named(self, name):
        """The record of the run with this name, which need not be there."""
        return RunRecord(self.path / "runs" / name)

    def runs(self, *, checksums=True):
        """All finished runs that can be read, and what is wrong with the others.

        Args:
            checksums: Whether to read all files and compare their checksums. Who loads weights need not:
                loading checks those that it loads.

        Returns:
            A list of `RunRecord`, sorted by folder name, and a list of one-line messages, one for
            each damaged run. Runs that are merely unfinished or have failed are in neither.
        """
        sound, problems = [], []
        for folder in self._run_folders():
            record = RunRecord(folder)
            if not record.was_begun:
                continue
            try:
                record.check_configuration()
                if record.is_finished:
                    if checksums:
                        record.check()
                    sound.append(record)
            except UserError as error:
                problems.append(str(error))
        return sound, problems

    def failures(self):
        """By name of the failed runs the reason that each gave, and what is wrong with the others'."""
        reasons, problems = {}, []
        for folder in self._run_folders():
            try:
                reason = RunRecord(folder).failure
            except UserError as error:
                problems.append(str(error))
                continue
            if reason is not None:
                reasons[folder.name] = reason
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
        return self.measurements("paths")

    def measurements(self, kind):
        """The content of all measurements that join two runs (kind "paths"), and what is wrong with the others."""
        return read_all(self.path / kind)

    def search(self, search):
        """The `SearchRecord` of a `configuration.Search`, begun or not."""
        return SearchRecord(self.path / "tuning" / search.name)

    def searches(self):
        """The `SearchRecord`s of all searches that can be read, by name, and what is wrong with the others."""
        sound, problems = [], []
        for path in sorted(self.path.glob("tuning/*/search.json")):
            record = SearchRecord(path.parent)
            try:
                record.check_configuration()
                sound.append(record)
            except UserError as error:
                problems.append(str(error))
        return sound, problems

    def _run_folders(self):
        return sorted(folder for folder in (self.path / "runs").glob("*") if folder.is_dir())
