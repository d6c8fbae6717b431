"""The folder of one search for hyperparameters."""

import pathlib

from replication import configuration, files
from replication.errors import UserError
from replication.records.contents import configuration_of

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

    @property
    def was_begun(self):
        """Whether there is a search.json."""
        return (self.folder / "search.json").exists()

    @property
    def configuration(self):
        """The `configuration.Search` that made this record.

        Raises:
            UserError: search.json is damaged, or is no record of a search.
        """
        return configuration_of(configuration.Search, self.content, self.folder / "search.json", SEARCH_REMEDY)

    def check_configuration(self):
        """Raises a UserError unless search.json is sound and belongs to this folder."""
        search = self.configuration
        if search.name != self.name:
            raise UserError(f"{self.folder / 'search.json'}: belongs to the search {search.name}, not to this folder")

    def check_data(self, data):
        """Raises a UserError unless the search was begun on these data, a `data.Data.to_json()`."""
        if self.content.get("data") != data:
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
        return files.lock(self.folder, "search", wait=False, below=False)
