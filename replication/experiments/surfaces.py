"""The filter-normalized pictures of the loss (Li et al., 2018): planes around the minimizers, the line between them.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=surface
    python -m replication.reproduce --preset=paper --networks=F1 --experiments=figure3_normalized

Together they take 3 minutes on two cores in addition to the trainings. F1, trial 0 (results/figures/surface-F1.pdf): f
stays low on the whole plane around SB, and on about half of it around LB.
"""

import functools
import math

from replication.configuration import Measure, Path, Surface
from replication.experiments import answers, figure3
from replication.experiments.base import Figure, lowest_trials, measured_alike, place
from replication.experiments.drawing import Contours, plots
from replication.store.grouping import first_paths


def needs(setup):
    """Returns the surfaces around SB's and LB's minimizers of trial 0."""
    preset = setup.preset
    return [Measure((run,), (Surface(points=preset.surface_points, statistics=run.statistics, seed=run.trial,
                                     examples=preset.study_examples),))
            for run in setup.runs(setup.study_networks, trials=1)]


def axes(store):
    """Returns a `Plot` for each comparison of SB and LB, of its lowest trial that was measured."""
    return plots("surface", [(comparison.label, [sides[regime] for regime in contents], tuple(
        _panel(regime, content) for regime, content in contents.items()))
        for comparison, sides, contents in _measured(store)])


@answers.joined
def answer(store):
    """Yields over how large a part of the plane f stays low around SB and LB."""
    for comparison, _, contents in _measured(store):
        parts = []
        for regime, content in contents.items():
            values = [value for row in content["loss"] for value in row]
            low = sum(value is not None and value < 1 for value in values) / len(values)
            parts.append(f"{100 * low:.0f} % of the plane around {regime}")
        reach = content["steps"][-1]
        yield (f"{comparison.where}, one trial and one random plane for each: for steps of up to "
               f"{answers.significant(reach)} × the filter norms along each direction, f is below 1 on "
               f"{' and on '.join(parts)}.")


@answers.joined
def line_answer(store):
    """Yields how far f rises a step beyond either minimizer on the line between filters of equal lengths."""
    for path in first_paths(store.paths, "linear", filter_normalized=True):
        along = {alpha: loss for alpha, loss in zip(path.content["alpha"], path.content["train_loss"])
                 if loss is not None}
        before, after = (max((each for each in along if each < 0), default=None),
                         min((each for each in along if each > 1), default=None))
        if before is None or after is None or not {0.0, 1.0} <= along.keys() or not math.isclose(-before, after - 1):
            continue
        large, small = ([answers.significant(along[each]) for each in ends] for ends in ((1.0, after), (0.0, before)))
        yield (f"{place(path.small.run)}, one trial: {after - 1:.3g} of the distance beyond LB’s "
               f"minimizer f goes from {' to '.join(large)}, and as far beyond SB’s from {' to '.join(small)}.")


def _measured(store):
    """Yields each comparison with the runs of its lowest trial and the contents of their planes, by regime."""
    for comparison, sides in lowest_trials(store, lambda run: run.measurements["surface"]):
        yield comparison, sides, {
            regime: item.content for regime, item in measured_alike(sides, "surface").items()}


def _panel(regime, content):
    steps = tuple(content["steps"])
    # A logarithm needs a positive number.
    values = tuple(tuple(value if value is None else max(value, 1e-12) for value in row) for row in content["loss"])
    columns = tuple(zip(*values))
    return Contours(x_label=f"steps along the first direction, {regime}", y_label="along the second",
                    quantity="cross-entropy (nats)", x=steps, y=steps,
                    values=tuple(tuple(math.nan if value is None else value for value in row) for row in columns))


FIGURE = Figure(
    name="surface", place="Limits", title="f on a plane around the minimizers, filter-normalized",
    caption=(
        "f at x + a d₁ + b d₂ for two random directions whose filters are as long as those of x, so that planes of "
        "different weights compare (Li et al., 2018); SB above, LB below, a cross at the minimizer. Contours are a "
        "factor of 10^(1/2) apart. f over a part of the training set; the numbers are in tables/surface-*.npz."),
    needs=needs, axes=axes, answer=answer)
NORMALIZED_LINE = Figure(
    name="figure3_normalized", place="Limits", title="Figure 3 between minimizers whose filters are equally long",
    caption=(
        "As figure 3, but each filter of LB before a batch normalization is first given the length that it has in "
        "SB, which leaves LB’s outputs the same except for the normalization’s epsilon. A narrower valley around LB is "
        "then not an effect of scale."),
    needs=lambda setup: [Measure(pair, (Path(kind="linear", points=setup.preset.points, filter_normalized=True),))
                         for pair in setup.pairs(setup.study_networks, trials=1)],
    axes=functools.partial(figure3.axes, kind="linear", stem="figure3_normalized", filter_normalized=True),
    answer=line_answer)
