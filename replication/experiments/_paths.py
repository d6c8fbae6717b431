"""What figures 3 and 7 share: they differ in the path between the two minimizers only."""

from replication.configuration import Path
from replication.experiments import Needs, Panel, Plot, Series
from replication.experiments._plots import titled

SPLITS = (("train", "training"), ("test", "test"))


def needs(setup, kind):
    """The path of trial 0 of each network."""
    paths = tuple(
        (setup.run(network, "SB", 0), setup.run(network, "LB", 0), Path(kind=kind, points=setup.preset.points))
        for network in setup.networks
    )
    return Needs(runs=tuple(run for small, large, _ in paths for run in (small, large)), paths=paths)


def axes(store, kind, stem):
    """A `Plot` for each pair of configurations joined by a path, of its lowest trial."""
    found = [(line.small.run, line.label, line) for line in store.first_lines(kind)]
    return [Plot(name, title, (_panel(line.content),), (line.small.name, line.large.name))
            for name, title, line in titled(stem, found)]


def _panel(content):
    alpha = tuple(content["alpha"])
    losses = [Series(f"cross-entropy, {title}", alpha, tuple(content[f"{split}_loss"]), "left",
                     dashed=split == "test") for split, title in SPLITS]
    accuracies = [Series(f"accuracy, {title}", alpha, tuple(100 * share for share in content[f"{split}_accuracy"]),
                         "right", dashed=split == "test", side="right") for split, title in SPLITS]
    return Panel(x_label="α (0: SB minimizer, 1: LB minimizer)", left_label="cross-entropy (nats)",
                 right_label="accuracy (%)", series=(*losses, *accuracies), marks=((0.0, "SB"), (1.0, "LB")))
