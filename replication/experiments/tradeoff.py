"""The tradeoff of accuracy and sharpness among the trials of a search."""

from replication.experiments import Needs, Panel, Plot, Series

PLACE = "Tuning"
TITLE = "Validation accuracy against sharpness of the trials of a search"
CAPTION = (
    "Do flat minimizers generalize better across batch sizes, optimizers and remedies? A point is a trial. The line "
    "joins the trials that no other beats in both: it is more accurate than all that are flatter."
)
COMMAND = "python -m replication.tune"


def needs(setup):
    """Nothing: a search is made by a script of its own."""
    return Needs(runs=())


def axes(store):
    """A `Plot` for each search with a finished trial."""
    searches = [search for search in store.searches if search.finished]
    return [Plot(f"tradeoff-{search.choices.name}", search.label, (_panel(search.finished),)) for search in searches]


def _panel(trials):
    points = sorted((float(trial["sharpness"]), 100 * trial["val_accuracy"]) for trial in trials)
    best = [point for index, point in enumerate(points)
            if all(accuracy < point[1] for _, accuracy in points[:index])]
    return Panel(x_label="sharpness (%)", left_label="validation accuracy (%)", log_x=True, log_left=False, series=(
        Series("trials", *zip(*points), "ink", marker="o", joined=False),
        Series("not beaten in both", *zip(*best), "right")))
