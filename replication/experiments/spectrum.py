"""The spectrum of the Hessian at x_0, SB, LB and LB with a scaled learning rate, and what it says of Metric 2.1.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=spectrum
    python -m replication.reproduce --preset=paper --networks=F1 --experiments=spectral_density

Measuring one point took half an hour on two cores while another was being measured. F1, trial 0
(results/tables/spectrum.md): the largest eigenvalue at LB is less than half of that at SB, and the quadratic model
misses LB's sharpness by a factor of 430.
"""

import dataclasses
import math

import numpy as np

from replication.configuration import Measure, Sharpness, Spectrum
from replication.configuration.tasks import START
from replication.experiments import answers
from replication.experiments.base import Figure, Listing, ListingLine, lowest_trials, measured_alike
from replication.experiments.drawing import Panel, Series, plots
from replication.experiments.table6 import remedied
from replication.remedies import LearningRateScaling

_EPSILON = 1e-3
_SUBSPACE_DIM = 100
_START = "x₀"
# Places of the density, per decade of the absolute eigenvalue, and the decades shown. The quadrature tells the share of
# the eigenvalues beyond a place only up to the masses of its nodes nearby: nearer to 0, one node has most of the mass.
_PER_DECADE, _DECADES = 12, 3


@dataclasses.dataclass(frozen=True)
class _Point:
    """Weights whose spectrum was measured.

    Attributes:
        name: Their name for readers.
        finished_run: The `store.FinishedRun` that they belong to.
        weights: It, or its `store.Iterate`.
        plain, boxed: The `store.Measurement`s of the spectra of H and, by the same other choices, of D H D; the latter
            None if it is missing.
    """

    name: str
    finished_run: object
    weights: object
    plain: object
    boxed: object

    def sharpness(self, dimension):
        """Returns Metric 2.1 of the same f, in percent; None if it was not measured."""
        found = self.plain.choices
        return self.weights.sharpness(Sharpness(
            epsilon=_EPSILON, subspace_dim=dimension, starts=1, statistics=found.statistics,
            batch_size=found.batch_size, seed=found.seed, examples=found.examples))


def needs(setup):
    """Returns the spectra of H and D H D at x_0 and at the minimizers of trial 0, and Metric 2.1 over the same data."""
    tasks, preset = [], setup.preset
    for small, large in setup.pairs(setup.study_networks, trials=1):
        scaled = remedied(large, LearningRateScaling(rule="sqrt", small_batch=small.batch_size))
        for run, at in ((small, None), (large, None), (scaled, None), (large, START)):
            common = {"statistics": run.statistics, "seed": run.trial, "examples": preset.study_examples}
            tasks.append(Measure((run,), tuple(
                Spectrum(epsilon=epsilon, subspace_dim=_SUBSPACE_DIM, **preset.spectrum, **common)
                for epsilon in (None, _EPSILON)), at))
            tasks.append(Measure((run,), tuple(
                Sharpness(epsilon=_EPSILON, subspace_dim=dimension, starts=1, **common)
                for dimension in (0, _SUBSPACE_DIM)), at))
    return tasks


def listing(store):
    """Returns the headings, and a line for each point whose spectrum was measured."""
    headings = ("network", "point", "f", "‖∇f‖", "largest eigenvalue", "smallest eigenvalue", "trace of H",
                "below −1/1000 of the largest (%)", "largest of D H D", "trace of D H D",
                "predicted rise, full space (%)", "Metric 2.1, full space (%)", "predicted rise, subspace (%)",
                "Metric 2.1, subspace (%)")
    lines = []
    for where, points in _families(store):
        for point in points:
            if point.boxed is None:
                continue
            content, box = point.plain.content, point.boxed.content
            lines.append(ListingLine((
                where, point.name, content["loss"], content["gradient_norm"], content["eigenvalues"][-1],
                content["eigenvalues"][0], answers.with_error(content["trace"], content["trace_error"]),
                100 * share_below(content), box["eigenvalues"][-1],
                answers.with_error(box["trace"], box["trace_error"]), box["predicted"]["full"], point.sharpness(0),
                box["predicted"]["subspace"], point.sharpness(_SUBSPACE_DIM)), (point.finished_run.name,)))
    return headings, lines


@answers.joined
def answer(store):
    """Yields how the largest eigenvalues compare, and how far the quadratic model explains Metric 2.1."""
    for where, points in _families(store):
        by_name = {point.name: point for point in points}
        if not {"SB", "LB"} <= by_name.keys():
            continue
        small, large = by_name["SB"].plain.content, by_name["LB"].plain.content
        text = (f"{where}, one trial: the Hessian’s largest eigenvalue at LB is "
                f"{answers.significant(large['eigenvalues'][-1] / small['eigenvalues'][-1])} times that at SB")
        # A ratio to an estimate within two errors of 0 says nothing.
        if small["trace"] > 2 * (small["trace_error"] or 0):
            factor = large["trace"] / small["trace"]
            error = abs(factor) * math.hypot(*((each["trace_error"] or 0) / each["trace"] for each in (small, large)))
            text += f", its trace {answers.with_error(factor, error or None)} times"
        measured, boxed = by_name["LB"].sharpness(0), by_name["LB"].boxed
        if measured is not None and boxed is not None:
            text += (f"; the quadratic model predicts a rise of "
                     f"{answers.significant(boxed.content['predicted']['full'])} % in LB’s box, where Metric 2.1 is "
                     f"{answers.significant(measured)} %")
        yield f"{text}."


@answers.joined
def density_answer(store):
    """Yields how many large eigenvalues there are at SB and at LB, with the standard error over the probes."""
    for where, points in _families(store):
        found = {point.name: point.plain.content for point in points}
        if {"SB", "LB"} <= found.keys():
            size = found["SB"]["eigenvalues"][-1] / 10
            parts = [f"{_share_above(found[regime], size)} % of the eigenvalues at {regime}" for regime in ("SB", "LB")]
            yield f"{where}, one trial: {' and '.join(parts)} are larger than a tenth of the largest at SB."


def _share_above(content, size):
    """Returns the share of the eigenvalues above a size in percent, with its error over the probes, as text."""
    nodes, weights = np.array(content["nodes"]), np.array(content["weights"])
    shares = 100 * np.sum(weights * (nodes > size), axis=1)
    error = float(np.std(shares, ddof=1) / math.sqrt(len(shares))) if len(shares) > 1 else None
    return answers.with_error(float(np.mean(shares)), error)


def share_below(content):
    """Returns the share of the eigenvalues below -1/1000 of the largest size, from the content of a record.

    The share below 0 is not known: the node next to 0 has most of the mass, and its sign is that of rounding.
    """
    nodes, weights = np.array(content["nodes"]), np.array(content["weights"])
    return float(np.sum(weights * (nodes < -10.0**-_DECADES * np.abs(nodes).max())) / len(weights))


def axes(store):
    """Returns a `Plot` for each network and data set: how the density spreads over the sizes of the eigenvalues."""
    found = []
    for _, points in _families(store):
        names = {point.finished_run.name for point in points}
        finished_runs = [each for each in store.runs if each.name in names]
        found.append(("", finished_runs, (_panel(points, 1), _panel(points, -1))))
    return plots("spectral_density", found)


def _panel(points, sign):
    """Returns the share of the eigenvalues of one sign that are at least so large, against their size.

    The sizes are those of the minimizers', down to 1/1000 of the largest of each: eigenvalues at x_0 may be larger by
    orders of magnitude.
    """
    largest = [max(abs(node) for row in point.plain.content["nodes"] for node in row)
               for point in [each for each in points if each.name != _START] or points]
    largest = [each for each in largest if each > 0] or [1.0]
    decades = _DECADES + math.log10(max(largest) / min(largest))
    sizes = np.geomspace(max(largest) * 10.0**-decades, max(largest), math.ceil(_PER_DECADE * decades) + 1)
    series = []
    # Lines that coincide hide those before them: the paper's two come last.
    for point in sorted(points, key=lambda point: point.name in ("SB", "LB")):
        nodes, weights = (np.array(point.plain.content[name]) for name in ("nodes", "weights"))
        shares = [float(np.sum(weights * (sign * nodes >= size)) / len(weights)) for size in sizes]
        above = [(float(size), 100 * share) for size, share in zip(sizes, shares) if share > 0]
        if above:
            role = {"SB": "SB", "LB": "LB"}.get(point.name, "ink")
            series.append(Series(point.name, *zip(*above), role, dashed=point.name == _START))
    if not series:
        series = [Series("none", (float(sizes[0]), float(sizes[-1])), (0.0, 0.0), "ink")]
    kind = "positive" if sign > 0 else "negative"
    return Panel(f"size of the {kind} eigenvalue", "eigenvalues above it (%)", tuple(series), log_x=True, log_left=True)


def _families(store):
    """Yields each network in words with its `_Point`s whose spectra were measured by the same choices."""
    for comparison, sides in lowest_trials(store, lambda run: run.measurements["spectrum"]):
        large, runs = sides.get("LB"), dict(sides)
        if large and large.iterates and large.iterates[0].epoch == 0:
            runs = {_START: large, **runs}
        if large and (scaled := _scaled(store, large)):
            runs["LB, learning rate × √(B/b)"] = scaled
        weights = {name: each.iterates[0] if name == _START else each for name, each in runs.items()}
        plain = measured_alike(weights, "spectrum", admits=lambda choices: choices.epsilon is None)
        if not plain:
            continue
        boxed_choices = dataclasses.replace(next(iter(plain.values())).choices, epsilon=_EPSILON)
        boxed = measured_alike(weights, "spectrum", admits=lambda choices, wanted=boxed_choices: choices == wanted)
        yield comparison.where, [_Point(name, runs[name], weights[name], plain[name], boxed.get(name))
                                 for name in runs if name in plain]


def _scaled(store, large):
    """Returns LB's run with a learning rate × √(B/b) and a measured spectrum; None if there is none."""
    return next((each for each in store.runs if isinstance(each.run.remedy, LearningRateScaling)
                 and each.run.remedy.rule == "sqrt" and each.run.differences(large.run) == {"remedy"}
                 and each.run.trial == large.run.trial and each.measurements["spectrum"]), None)


LISTING = Listing(
    name="spectrum", place="The spectrum", title="The Hessian at the minimizers, and what it says of Metric 2.1",
    caption=(
        "The paper speaks of many large eigenvalues at LB’s minimizers and measures none. H is the Hessian of f over a "
        "part of the training set, with the statistics of its batches; D are the half-widths of Metric 2.1’s box for "
        "ε = 1e-3, so that in the coordinates of D H D the box is a cube. The predicted rise is Metric 2.1 of the "
        "quadratic model at the point, by the same maximizer. Traces with their standard errors."),
    needs=needs, listing=listing, answer=answer)
FIGURE = Figure(
    name="spectral_density", place="The spectrum", title="The spectral density of the Hessian",
    caption=(
        "The share of all eigenvalues that are at least so large, positive ones above and negative ones below, by "
        "stochastic Lanczos quadrature. The paper (section 2.1) describes LB’s minimizers by many large positive "
        "eigenvalues and SB’s by many small ones."),
    needs=needs, axes=axes, answer=density_answer)
