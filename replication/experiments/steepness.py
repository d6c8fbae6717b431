"""The steepness of section 2.2.2: in how many directions the loss rises at a minimizer."""

from replication.configuration import Steepness
from replication.experiments import Needs, Panel, Plot, Series
from replication.experiments._plots import titled

PLACE = "Section 2.2.2"
TITLE = "How many directions are steep"
CAPTION = (
    "The paper found that sharp minimizers rise steeply in a small subspace only, of the order of 5 % of "
    "the dimensions, and are flat in most others. Above: how large a share of the directions stays below a rise, of "
    "random corners of the box (solid), and of random blocks of coordinates that go where their gradient points to "
    "while the others stay (dashed). Below: the rise when only the steepest coordinates go there: look for how "
    "few of them reach most of it."
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
    return [Plot(name, title, (_distributions(contents), _steepest(contents)), runs)
            for name, title, (contents, runs) in titled("steepness", found)]


def _alike(sides):
    """By regime the content of a measurement, made by the same choices where there are such; and the runs' names."""
    by_choices = {}
    for regime, minimizer in sides.items():
        for item in minimizer.steepness:
            by_choices.setdefault(item.choices.digest(), {})[regime] = item.content
    contents = max((contents for _, contents in sorted(by_choices.items())), key=len)
    return contents, tuple(sides[regime].name for regime in contents)


def _distributions(contents):
    series = []
    for regime, content in contents.items():
        for title, rises in (("corners", sorted(content["random"])), ("blocks", sorted(content["blocks"]))):
            shares = tuple(100 * (number + 1) / len(rises) for number in range(len(rises)))
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
