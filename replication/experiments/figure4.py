"""Figure 4: test accuracy and sharpness against the batch size."""

from replication.experiments import Needs, Panel, Plot, Series, _grid
from replication.experiments._plots import by_sharpness, names, titled
from replication.experiments._sharpness import common_way, measurements

TITLE = "Test accuracy and sharpness against the batch size"
CAPTION = (
    "Look for a batch size above which accuracy falls while sharpness rises. The paper (100 epochs for every "
    "batch size) saw such a threshold near 15,000 for F2 and near 500 for C1."
)


def needs(setup):
    """A run for each batch size, trial 0, and its sharpness in the full space."""
    runs = tuple(_grid.run(setup, network, size, epochs=setup.preset.grid_epochs)
                 for network in setup.study_networks for size in _grid.batch_sizes(setup, network))
    return Needs(runs=runs, measurements=measurements(setup, runs))


def axes(store):
    """A `Plot` for each family of runs that differ in the batch size alone and were measured."""
    found = [(family.run, family.label, family.members) for family in store.grids() if common_way(family.members)]
    return [Plot(name, title, (_panel(members),), names(members)) for name, title, members in titled("figure4", found)]


def _panel(members):
    sizes = tuple(minimizer.run.batch_size for minimizer in members)
    accuracy = Series("test accuracy", sizes, tuple(100 * minimizer.figures["test_accuracy"] for minimizer in members),
                      "left", marker="o")
    sharpness = by_sharpness(members, sizes, common_way(members), "right", side="right")
    return Panel(x_label="batch size", left_label="test accuracy (%)", right_label="sharpness (%)", log_x=True,
                 log_left=False, log_right=True, series=(accuracy, *sharpness),
                 marks=tuple((m.run.batch_size, m.run.regime) for m in members if m.run.regime != "grid"))
