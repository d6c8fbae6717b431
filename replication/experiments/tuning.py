"""The searches for hyperparameters: a listing of their trials, and accuracy against sharpness of the trials of each.

    python -m replication.tune --network=F1 --dataset=digits

They have no counterpart in the paper and have not been run yet on its data.
"""

from replication.experiments.base import Figure, Listing, ListingLine
from replication.experiments.drawing import Panel, Plot, Series

_COMMAND = "python -m replication.tune"
HEADINGS = ("search", "trial", "status", "validation accuracy (%)", "validation loss", "sharpness (%)", "epochs",
             "hyperparameters")


def listing(store):
    """Returns the headings, and a line for each trial of a search, the best first, those without a result last."""
    return HEADINGS, [ListingLine(cells, ()) for search in store.searches for cells in rows(search)]


def rows(search):
    """Returns the cells of a line for each trial of a `store.Search`, the best first, those without a result last."""
    others = [trial for trial in search.content["trials"] if trial["status"] != "finished"]
    return [_cells(search, trial) for trial in (*search.finished, *others)]


def _cells(search, trial):
    finished = trial["status"] == "finished"
    metrics = [float(trial[name]) if finished else None for name in ("val_accuracy", "val_loss", "sharpness")]
    if finished:
        metrics[0] *= 100
    status = trial["status"] if trial.get("admissible", True) else "beyond the bound"
    return (search.label, trial["trial"], status, *metrics, str(trial["epochs"]) if finished else "–",
            ", ".join(f"{name.replace('_', ' ')} {value:.3g}" if isinstance(value, float) else
                      f"{name.replace('_', ' ')} {value}" for name, value in trial["hyperparameters"].items()))


def axes(store):
    """Returns a `Plot` for each search with a finished trial."""
    searches = [search for search in store.searches if search.finished]
    return [Plot(f"tradeoff-{search.choices.name}", search.label, (_panel(search.finished),)) for search in searches]


def _panel(trials):
    # Of trials with the same sharpness, the most accurate comes first.
    points = sorted(((float(trial["sharpness"]), 100 * trial["val_accuracy"]) for trial in trials),
                    key=lambda point: (point[0], -point[1]))
    best = [point for index, point in enumerate(points)
            if all(accuracy < point[1] for _, accuracy in points[:index])]
    return Panel(x_label="sharpness (%)", left_label="validation accuracy (%)", log_x=True, log_left=False, series=(
        Series("trials", *zip(*points), "ink", marker="o", joined=False),
        Series("Pareto front", *zip(*best), "right")))


SEARCHES = Listing(
    name="searches", place="Tuning", command=_COMMAND, title="Searches for hyperparameters",
    caption=(
        "Accuracy and loss are those of a validation set that was held out from the training set; the test set "
        "plays no part. Sharpness is Metric 2.1 in the full space over the remaining examples, with few iterations. "
        "The best trial of a search comes first; if a search bounds the sharpness, trials beyond the bound come "
        "after all others."),
    needs=lambda setup: [], listing=listing)
TRADEOFF = Figure(
    name="tradeoff", place="Tuning", command=_COMMAND,
    title="Validation accuracy against sharpness of the trials of a search",
    caption=(
        "Do flat minimizers generalize better across batch sizes, optimizers and remedies? A point is a trial. The "
        "line is the Pareto front: each trial on it is more accurate than all flatter trials."),
    needs=lambda setup: [], axes=axes)
