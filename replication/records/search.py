"""The folder of one search for hyperparameters."""

from replication import configuration, files
from replication.records.folder import ConfiguredFolder


class SearchRecord(ConfiguredFolder):
    """The folder of one search: search.json, its trials' runs, and the state that keras-tuner resumes from."""

    CONFIGURATION = configuration.Search
    FILE = "search.json"
    remedy = "remove it and give the search's command again, which writes it anew"

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
