"""The steepness of section 2.2.2: in how many directions the loss rises at a minimizer.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=steepness

It takes 5 minutes on two cores in addition to the trainings. The paper speaks of steep directions in about 5 % of the
space. F1, trial 0 (results/figures/steepness-F1.pdf): f hardly rises at random corners of the box. At the corner that
the gradient points to it rises by 2.3 % (SB) and 4.8 % (LB), of which a fifth of the coordinates gives 50 % and 19 %,
and the steepest 5 % give 19 % and 1 %. Metric 2.1 is 3.3 % and 404 %: at LB the gradient's corner is far from the
maximum, and does not tell how many directions are steep.
"""

from replication.configuration import Measure, Steepness
from replication.experiments.base import Figure, lowest_trials, measured_alike
from replication.experiments.drawing import Panel, Series, plots


def needs(setup):
    """Returns the steepness at SB's and LB's minimizers of trial 0."""
    preset = setup.preset
    return [Measure((run,), (Steepness(directions=preset.steepness_directions, blocks=preset.steepness_blocks,
                                       statistics=run.statistics, seed=run.trial),))
            for run in setup.runs(setup.study_networks, trials=1)]


def axes(store):
    """Returns a `Plot` for each comparison of plain SB and LB, of its lowest trial that was measured."""
    found = []
    for comparison, sides in lowest_trials(store, lambda each: each.measurements["steepness"]):
        contents = {regime: item.content for regime, item in measured_alike(sides, "steepness").items()}
        found.append((comparison.label, [sides[regime] for regime in contents],
                      (_distributions(contents), _steepest(contents))))
    return plots("steepness", found)


def _distributions(contents):
    series = []
    for regime, content in contents.items():
        for title, name in (("corners", "random"), ("blocks", "blocks")):
            # A rise that is not finite lies above all others.
            rises = sorted(rise for rise in content[name] if rise is not None)
            shares = tuple(100 * (number + 1) / len(content[name]) for number in range(len(rises)))
            series.append(Series(f"{regime}, {title}", tuple(rises), shares, regime, dashed=title == "blocks"))
    return Panel(x_label="rise of f (%)", left_label="directions below it (%)", series=tuple(series), log_x=True,
                 log_left=False)


def _steepest(contents):
    series = []
    for regime, content in contents.items():
        shares, rises = zip(*content["ranked"])
        series.append(Series(f"{regime}, steepest coordinates", tuple(100 * share for share in shares), rises, regime,
                             marker="o" if regime == "SB" else "s"))
    return Panel(x_label="coordinates, the steepest first (%)", left_label="rise of f (%)", series=tuple(series),
                 log_x=True, log_left=True)


FIGURE = Figure(
    name="steepness", place="Section 2.2.2", title="How many directions are steep",
    caption=(
        "The paper found that sharp minimizers rise steeply in a small subspace only, of the order of 5 % of the "
        "dimensions, and are flat in most others. The upper panel shows the share of directions along which f rises by "
        "less than x: random corners of the box (solid), and random blocks of coordinates that move to the corner "
        "their gradient points to, all others fixed (dashed). The lower panel shows the rise when only the steepest "
        "coordinates move; look at how few of them account for most of it."),
    needs=needs, axes=axes)
