"""The searches for hyperparameters that `tune` has made, trial by trial."""

from replication.experiments import ListingLine, Needs

PLACE = "Tuning"
TITLE = "Searches for hyperparameters"
CAPTION = (
    "Accuracy and loss are those of a validation set that was held out from the training set; the test set plays no "
    "part. Sharpness is Metric 2.1 in the full space over what was trained on, with few iterations. The best trial "
    "of a search comes first; where a search bounds the sharpness, trials beyond it come after all others."
)
COMMAND = "python -m replication.tune"
_HEADINGS = ("search", "trial", "status", "validation accuracy (%)", "validation loss", "sharpness (%)", "epochs",
             "hyperparameters")


def needs(setup):
    """Nothing: a search is made by a script of its own."""
    return Needs(runs=())


def listing(store):
    """A line for each trial: the finished ones of a search, the best first, then the others."""
    lines = []
    for search in store.searches:
        others = [trial for trial in search.content["trials"] if trial["status"] != "finished"]
        lines += [ListingLine(_cells(search, trial), ()) for trial in (*search.finished, *others)]
    return _HEADINGS, lines


def _cells(search, trial):
    finished = trial["status"] == "finished"
    figures = [float(trial[name]) if finished else None for name in ("val_accuracy", "val_loss", "sharpness")]
    if finished:
        figures[0] *= 100
    status = trial["status"] if trial.get("admissible", True) else "beyond the bound"
    return (search.label, trial["trial"], status, *figures, str(trial["epochs"]) if finished else "–",
            ", ".join(f"{name.replace('_', ' ')} {value:.3g}" if isinstance(value, float) else
                      f"{name.replace('_', ' ')} {value}" for name, value in trial["hyperparameters"].items()))
