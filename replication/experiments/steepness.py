"""The steepness of section 2.2.2: in how many directions the loss rises at a minimizer."""

import itertools

from replication.configuration import Steepness
from replication.experiments import Needs, Panel, Plot, Series
from replication.experiments._plots import titled

PLACE = "Section 2.2.2"
TITLE = "How many directions are steep"
CAPTION = (
    "The paper found that sharp minimizers rise steeply in a small subspace only, of the order of 5 % of "
    "the dimensions, and are flat in all others. Above: towards random corners of the box, how large a share of "
    "the corners stays below a rise. Below: how much of the linear rise of f, towards the corner that the gradient "
    "points to, lies in the steepest coordinates; along the diagonal all would be alike."
)


def needs(setup):
    """The steepness at SB's and LB's minimizers of trial 0."""
    runs = tuple(setup.run(network, regime, 0) for network in setup.study_networks for regime in ("SB", "LB"))
    preset = setup.preset
    return Needs(runs=runs, steepness=tuple(
        (run, Steepness(directions=preset.steepness_directions, blocks=preset.steepness_blocks,
                        statistics=run.statistics, seed=run.trial)) for run in runs))


def axes(store):
    """A `Plot` for each comparison of the store and the first choices by which its lowest trial was measured."""
    found = []
    for comparison in store.comparisons():
        if sides := comparison.lowest_trial(lambda minimizer: minimizer.steepness):
            found.append((next(iter(sides.values())).run, comparison.label, _alike(sides)))
    return [Plot(name, title, (_corners(contents), _coordinates(contents)))
            for name, title, contents in titled("steepness", found)]


def _alike(sides):
    """By regime the content of a measurement, made by the same choices where there are such."""
    by_choices = {}
    for regime, minimizer in sides.items():
        for item in minimizer.steepness:
            by_choices.setdefault(item.choices.digest(), {})[regime] = item.content
    return max((contents for _, contents in sorted(by_choices.items())), key=len)


def _corners(contents):
    series, log_x = [], all(min(content["random"]) > 0 for content in contents.values())
    for regime, content in contents.items():
        rises = sorted(content["random"])
        shares = tuple(100 * (number + 1) / len(rises) for number in range(len(rises)))
        series.append(Series(regime, tuple(rises), shares, regime))
    return Panel(x_label="rise of f towards a random corner (%)", left_label="corners below it (%)",
                 series=tuple(series), log_x=log_x, log_left=False)


def _coordinates(contents):
    series = []
    for regime, content in contents.items():
        held = tuple(100 * share for share in itertools.accumulate(content["ranked_gradient_shares"], initial=0.0))
        blocks = len(held) - 1
        series.append(Series(regime, tuple(100 * number / blocks for number in range(blocks + 1)), held, regime))
    return Panel(x_label="coordinates, steepest first (%)", left_label="share of the linear rise (%)",
                 series=tuple(series), log_left=False)
