"""The correlation of sharpness with the generalization gap over many runs (Jiang et al., 2020).

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=correlation

Runs over batch size, learning rate, remedy and initial scale all end at the same training loss. The sign of the
correlation is tested, not assumed.
It has not been run yet on the paper's data.
"""

import dataclasses
import functools
import itertools
from statistics import fmean

import numpy as np

from replication.catalog import regime_batch_size
from replication.configuration import Geometry, Measure, Sharpness, Spectrum
from replication.experiments import answers
from replication.experiments.base import Listing, ListingLine, measured_alike, place
from replication.experiments.table6 import remedied
from replication.remedies import REMEDIES
from replication.statistics import bootstrap_interval, kendall, kendall_along
from replication.store.grouping import buckets, key, sort_key

_TARGET = 0.01
# The fewest runs whose bootstrap says something.
_FEWEST_RUNS = 10
# The choices that are varied.
AXES = ("batch_size", "learning_rate", "remedy", "kernel_scale")
# Each measure of sharpness by its title: the choices of a `Sharpness`.
_SHARPNESS = {
    "Metric 2.1, full space": {"epsilon": 1e-3},
    "Metric 2.1, subspace": {"epsilon": 1e-3, "subspace_dim": 100},
    "Metric 2.1, relative box": {"epsilon": 0.02, "box": "relative"},
    "Metric 2.1 at normalized layers": {"epsilon": 1e-3, "normalize": "layers"},
}
_SPECTRUM = {"eigenvalues": 1, "probes": 1, "steps": 2}


def needs(setup):
    """Returns the measurements of the runs of the preset's grid, which end at a training loss of 0.01."""
    tasks, preset = [], setup.preset
    for network in setup.study_networks:
        large, dataset = setup.run(network, "LB", 0), setup.resolved_dataset(network)
        grid = preset.correlation_grid
        for size, rate, name, scale in itertools.product(*(grid[axis] for axis in AXES)):
            batch_size = regime_batch_size(size, dataset)
            run = dataclasses.replace(
                large, regime="grid", batch_size=batch_size, learning_rate=rate, kernel_scale=scale, stop="loss",
                target_loss=_TARGET, recompute=setup.recomputes(network, batch_size))
            run = run if name is None else remedied(run, REMEDIES[name]())
            common = {"statistics": run.statistics, "examples": preset.study_examples, "seed": run.trial}
            tasks += [
                Measure((run,), tuple(Sharpness(**choices, **common, starts=1)
                                      for choices in _SHARPNESS.values())),
                Measure((run,), (Spectrum(**_SPECTRUM, trace_products=preset.spectrum["trace_products"], **common),)),
                Measure((run,), (Geometry(),))]
    return tasks


def listing(store):
    """Returns the headings, and a line for each measure: Kendall's tau with the gap, and the granulated coefficient."""
    headings = ("network", "measure", "runs", "Kendall’s τ with the gap", "90 % interval of τ", "granulated τ",
                "interval of it", *(f"τ along {axis.replace('_', ' ')}" for axis in AXES))
    lines = []
    for where, tried, table in _families(store):
        for name, (runs, tau, granulated, per_axis) in table.items():
            number = str(tried) if len(runs) == tried else f"{len(runs)} of {tried}"
            lines.append(ListingLine((
                where, name, number, tau[0], _interval(tau), granulated[0], _interval(granulated),
                *(per_axis.get(axis) for axis in AXES)), tuple(each.name for each in runs)))
    return headings, lines


@answers.joined
def answer(store):
    """Yields the correlation of each measure with the generalization gap, with its interval."""
    for where, _, table in _families(store):
        target = next(iter(table.values()))[0][0].run.target_loss
        parts = [f"{answers.signed(tau[0])} ({_interval(tau) or 'too few for one'}, {len(runs)} runs) for {name}"
                 for name, (runs, tau, _, _) in table.items()]
        yield (f"{where}, runs that end at a training loss of {target:g}: Kendall’s τ with the generalization gap, "
               f"with its 90 % interval, is {'; '.join(parts)}.")


# Its intervals take seconds, and a report asks for them more than once.
@functools.lru_cache(maxsize=1)
def _families(store):
    """Returns the network in words, the number of runs, and by measure the `_coefficients` of those that have it."""
    result = []
    tried = [each for each in store.runs if each.run.stop == "loss"]
    for _, members in buckets(tried, lambda each: (
            sort_key(each.run), key(each, *AXES, "jit_compile", "recompute"), each.run.trial)):
        runs = [each for each in members if each.result["stop"].startswith("the training loss reached")]
        measures = _measures(runs)
        table = {}
        for name in dict.fromkeys(name for found in measures for name in found):
            measured, values = zip(*((run, found[name]) for run, found in zip(runs, measures) if name in found))
            if len(measured) > 2 and (found := _coefficients(measured, values)):
                table[name] = found
        if table:
            result.append((place(runs[0].run), len(members), table))
    return result


def _coefficients(runs, values):
    """Returns the runs, tau and the granulated tau, each with the ends of its interval, and tau by axis.

    The intervals lack their ends for few runs: resamples of well-ordered ones are well ordered, however few they are.
    Without taus the result is None.
    """
    gaps = [100 * (each.metrics["train_accuracy"] - each.metrics["test_accuracy"]) for each in runs]
    tau = kendall(values, gaps)
    settings = [tuple(_setting(each.run, axis) for axis in AXES) for each in runs]
    along = kendall_along(settings, values, gaps)
    if tau is None or not along:
        return None
    per_axis = {AXES[axis]: fmean(found) for axis, found in along.items()}
    if len(runs) < _FEWEST_RUNS:
        return runs, (tau, None, None), (fmean(per_axis.values()), None, None), per_axis
    values, gaps = np.array(values), np.array(gaps)

    def granulated(rows):
        found = kendall_along(settings, values, gaps, weights=np.bincount(rows, minlength=len(runs)))
        return fmean(map(fmean, found.values())) if found else None

    return (runs, (tau, *bootstrap_interval(lambda rows: kendall(values[rows], gaps[rows]), len(runs))),
            (fmean(per_axis.values()), *bootstrap_interval(granulated, len(runs))), per_axis)


def _measures(runs):
    """Returns for each run the values of the measures that it has, by title; those of a title by the same choices."""
    points = dict(enumerate(runs))
    spectra = measured_alike(points, "spectrum", admits=lambda choices: choices.epsilon is None)
    sharpness = {title: measured_alike(points, "sharpness", admits=functools.partial(_is_measure, runs[0].run, options))
                 for title, options in _SHARPNESS.items()} if runs else {}
    result = []
    for number, finished_run in points.items():
        found = {title: items[number].content["sharpness"] for title, items in sharpness.items() if number in items}
        if item := spectra.get(number):
            found |= {"the largest eigenvalue": item.content["eigenvalues"][-1], "the trace": item.content["trace"]}
        for item in finished_run.measurements["geometry"]:
            found |= {"the distance from x₀": item.content["distance"], "the length of x": item.content["norm"]}
        result.append(found)
    return result


def _is_measure(run, options, choices):
    """Whether a sharpness was measured with some options and the defaults, over whichever examples."""
    return choices == Sharpness(**options, statistics=run.statistics, examples=choices.examples, seed=run.trial,
                                starts=1)


def _setting(run, axis):
    value = getattr(run, axis)
    return value.label if axis == "remedy" and value else value


def _interval(found):
    return "" if None in found else f"{answers.signed(found[1])} to {answers.signed(found[2])}"


LISTING = Listing(
    name="correlation", place="Limits", title="Measures of sharpness and the generalization gap over many runs",
    caption=(
        "All runs end when the training loss reaches the same value, so that none is flat because it has not "
        "converged. The gap is training accuracy less test accuracy. The granulated coefficient (Jiang et al., 2020) "
        "averages τ along each axis alone. Intervals are percentiles of bootstrap resamples of the runs; fewer than "
        "ten have none. Runs that do not reach the loss, or lack the measure, are left out, and “of” gives the number "
        "that was tried. Andriushchenko et al. (2023) find no correlation, or a negative one, in many settings: an "
        "interval that contains 0 says nothing about the sign."),
    needs=needs, listing=listing, answer=answer)
