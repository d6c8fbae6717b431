"""The folder of one search for hyperparameters."""

import pathlib

from replication import files
from replication.errors import UserError
from replication.lock import hold

SEARCH_REMEDY = "remove it and give the search's command again, which writes it anew"


class SearchRecord:
    """The folder of one search: search.json, its trials' runs, and what keras-tuner resumes from."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.best = self.folder / "best.json"

    @property
    def name(self):
        """The name of the folder."""
        return self.folder.name

    @property
    def content(self):
        """The content of search.json.

        Raises:
            UserError: it is not there, or damaged.
        """
        return files.read_json(self.folder / "search.json", SEARCH_REMEDY)

    def check_data(self, data):
        """Raises a UserError where the search was begun on other data than these, a `data.Data.to_json()`."""
        if (self.folder / "search.json").exists() and self.content.get("data") != data:
            raise UserError(f"{self.folder}: this search was begun on other data than the {data['name']} prepared "
                            "now; give another --workdir or the data it was begun on")

    def write(self, content, best):
        """Replaces search.json, and best.json by the configuration of the best run, where there is one.

        Args:
            content: Of search.json.
            best: A `configuration.Run`, or None.
        """
        files.write_json(self.folder / "search.json", content)
        if best is not None:
            files.write_json(self.best, {"configuration": best.to_json()})

    def failure(self, trial):
        """The file that tells why a trial failed, by the trial's name."""
        return self.folder / f"trial_{trial}" / "failure.json"

    def lock(self):
        """Holds this search against other processes; raises a BusyError where one holds it.

        Its runs are held by locks of their own: workers of a search may be training.
        """
        return hold(self.folder, "search", wait=False, below=False)
