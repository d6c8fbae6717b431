"""Figure 3: cross-entropy and accuracy on the line through an SB and an LB minimizer."""

from replication.configuration import Path, dataset_label
from replication.experiments import Needs, Plot, Series

TITLE = "Cross-entropy and accuracy along the line from the SB to the LB minimizer"
CAPTION = (
    "Each point on the line is α times the LB minimizer plus 1 − α times the SB minimizer. Compare how "
    "fast the solid cross-entropy rises to either side of the two marks. The paper saw, for all six "
    "networks, a wide valley around SB and a narrow one around LB: the LB minimizers are far sharper along "
    "this line."
)
SPLITS = (("train", "training"), ("test", "test"))


def needs(setup):
    """The linear path of trial 0 of each network."""
    paths = tuple(
        (setup.run(network, "SB", 0), setup.run(network, "LB", 0), Path(points=setup.preset.points))
        for network in setup.networks
    )
    return Needs(runs=tuple(run for small, large, _ in paths for run in (small, large)), paths=paths)


def axes(store):
    """A `Plot` for each pair of configurations joined by a path, of its lowest trial."""
    return [_plot(line, name) for line, name in store.first_lines("linear", "figure3")]


def _plot(line, name):
    content = line.content
    series = tuple(
        Series(f"cross-entropy, {title}", tuple(content[f"{split}_loss"]), "left", dashed=split == "test")
        for split, title in SPLITS
    ) + tuple(
        Series(f"accuracy, {title}", tuple(100 * share for share in content[f"{split}_accuracy"]), "right",
               dashed=split == "test")
        for split, title in SPLITS
    )
    where = f"{line.network} on {dataset_label(line.dataset)}, trial {line.trial}"
    return Plot(
        name=name, title=f"{where} ({line.label})" if line.label else where, x=tuple(content["alpha"]),
        x_label="α (0: SB minimizer, 1: LB minimizer)", left_label="cross-entropy (nats)",
        right_label="accuracy (%)", series=series, marks=((0.0, "SB"), (1.0, "LB")),
    )
