"""The spectrum of the Hessian at x_0, SB, LB and LB with a scaled learning rate, and what it says of Metric 2.1.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=spectrum
    python -m replication.reproduce --preset=paper --networks=F1 --experiments=spectral_density

On two cores a point took half an hour beside another. F1, trial 0, SB and LB alone (results/tables/spectrum.md): the
largest eigenvalue at LB is less than half of that at SB, and the quadratic model misses LB's sharpness by a factor of
400.
"""

import numpy as np

from replication.configuration import Measure, Sharpness, Spectrum
from replication.configuration.tasks import START
from replication.experiments import answers
from replication.experiments.base import Figure, Listing, ListingLine, lowest_trials, place
from replication.experiments.drawing import Panel, Series, plots
from replication.experiments.table6 import remedied
from replication.remedies import LearningRateScaling

_EPSILON = 1e-3
_SUBSPACE_DIM = 100
# Places of the density, per decade of the absolute eigenvalue, and the decades shown.
_PER_DECADE, _DECADES = 12, 5


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
                Sharpness(epsilon=_EPSILON, subspace_dim=dimension, starts=1, iterations=preset.iterations, **common)
                for dimension in (0, _SUBSPACE_DIM)), at))
    return tasks


def listing(store):
    """Returns the headings, and a line for each point whose spectrum was measured."""
    headings = ("network", "point", "f", "‖∇f‖", "largest eigenvalue", "smallest eigenvalue", "trace of H",
                "negative eigenvalues (%)", "largest of D H D", "trace of D H D",
                "predicted rise, full space (%)", "Metric 2.1, full space (%)", "predicted rise, subspace (%)",
                "Metric 2.1, subspace (%)")
    lines = []
    for where, name, runs, point in _points(store):
        plain, boxed = _spectrum(point, None), _spectrum(point, _EPSILON)
        if plain is None or boxed is None:
            continue
        content, box = plain.content, boxed.content
        lines.append(ListingLine((
            where, name, content["loss"], content["gradient_norm"], content["eigenvalues"][-1],
            content["eigenvalues"][0], answers.with_error(content["trace"], content["trace_error"]),
            100 * share_negative(content), box["eigenvalues"][-1],
            answers.with_error(box["trace"], box["trace_error"]),
            box["predicted"]["full"], _sharpness(point, plain, 0), box["predicted"]["subspace"],
            _sharpness(point, plain, _SUBSPACE_DIM)), runs))
    return headings, lines


def answer(store):
    """Returns how the largest eigenvalues compare, and how far the quadratic model explains Metric 2.1."""
    found = {name: (where, _spectrum(point, None), _spectrum(point, _EPSILON), point)
             for where, name, _, point in _points(store)}
    if not {"SB", "LB"} <= found.keys() or any(each is None for name in ("SB", "LB") for each in found[name][1:3]):
        return ""
    where, small = found["SB"][:2]
    large, boxed, point = found["LB"][1:]
    ratio = large.content["eigenvalues"][-1] / small.content["eigenvalues"][-1]
    text = (f"{where}, one trial: the Hessian’s largest eigenvalue at LB is {answers.significant(ratio)} times that at "
            f"SB, its trace {answers.significant(large.content['trace'] / small.content['trace'])} times")
    measured = _sharpness(point, large, 0)
    if measured is not None:
        predicted = answers.significant(boxed.content["predicted"]["full"])
        text += (f"; the quadratic model predicts a rise of {predicted} % in LB’s box, where Metric 2.1 is "
                 f"{answers.significant(measured)} %")
    return f"{text}."


def share_negative(content):
    """Returns the share of the spectral density below 0, from the content of a record, with rounding left out."""
    nodes, weights = np.array(content["nodes"]), np.array(content["weights"])
    return float(np.sum(weights * (nodes < -1e-6 * np.abs(nodes).max())) / len(weights))


def axes(store):
    """Returns a `Plot` for each network and data set: how the density spreads over the sizes of the eigenvalues."""
    by_place = {}
    for where, name, runs, point in _points(store):
        if (spectrum := _spectrum(point, None)) is not None:
            by_place.setdefault(where, []).append((name, runs, spectrum))
    found = []
    for members in by_place.values():
        names = {each for _, runs, _ in members for each in runs}
        finished_runs = [each for each in store.runs if each.name in names]
        found.append(("", finished_runs, (_panel(members, 1), _panel(members, -1))))
    return plots("spectral_density", found)


def _panel(members, sign):
    """Returns the share of the eigenvalues of one sign that are at least so large, against their size."""
    largest = max(abs(node) for *_, spectrum in members for row in spectrum.content["nodes"] for node in row)
    sizes = np.geomspace(largest * 10.0**-_DECADES, largest, _PER_DECADE * _DECADES + 1)
    series = []
    for name, _, spectrum in members:
        nodes, weights = np.array(spectrum.content["nodes"]), np.array(spectrum.content["weights"])
        shares = [float(np.sum(weights * (sign * nodes >= size)) / len(weights)) for size in sizes]
        points = [(float(size), 100 * share) for size, share in zip(sizes, shares) if share > 0]
        if points:
            role = {"SB": "SB", "LB": "LB"}.get(name, "ink")
            series.append(Series(name, *zip(*points), role, dashed=name == "x₀"))
    if not series:
        series = [Series("none", (float(sizes[0]), float(sizes[-1])), (0.0, 0.0), "ink")]
    kind = "positive" if sign > 0 else "negative"
    return Panel(f"size of the {kind} eigenvalue", "eigenvalues above it (%)", tuple(series), log_x=True, log_left=True)


def _points(store):
    """Yields the network in words, the point's name, the names of its runs, and the run or iterate itself."""
    for label, sides in lowest_trials(store, lambda run: run.measurements["spectrum"]):
        run = next(iter(sides.values())).run
        where = place(run) + (f" ({label})" if label else "")
        large = sides.get("LB")
        if large and large.iterates and large.iterates[0].epoch == 0:
            yield where, "x₀", (large.name,), large.iterates[0]
        for regime, each in sides.items():
            yield where, regime, (each.name,), each
        for each in _scaled(store, large):
            yield where, "LB, learning rate × √(B/b)", (each.name,), each


def _scaled(store, large):
    if large is None:
        return []
    return [each for each in store.runs if each.run.remedy and each.run.remedy.NAME == LearningRateScaling.NAME
            and each.run.differences(large.run) == {"remedy"} and each.run.trial == large.run.trial
            and each.measurements["spectrum"]]


def _spectrum(point, epsilon):
    return next((each for each in point.measurements["spectrum"] if each.choices.epsilon == epsilon), None)


def _sharpness(point, spectrum, dimension):
    """Returns Metric 2.1 over the examples of a spectrum, in percent; None if it was not measured."""
    for each in point.measurements["sharpness"]:
        choices = each.choices
        if (choices.subspace_dim, choices.epsilon, choices.examples, choices.starts, choices.solver) == (
                dimension, _EPSILON, spectrum.choices.examples, 1, "scaled"):
            return each.content["sharpness"]
    return None


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
        "stochastic Lanczos quadrature. The paper (section 2.2.2) describes LB’s minimizers by many large positive "
        "eigenvalues and SB’s by many small ones."),
    needs=needs, axes=axes)
