"""The reparametrization of networks (Dinh et al., 2017): Metric 2.1 at weights of equal outputs, and in relative boxes.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=reparametrization
    python -m replication.reproduce --preset=paper --networks=F1 --experiments=boxes

Together they take about 10 minutes on two cores in addition to the trainings. F1, trial 0 (results/tables/boxes.md): LB
is 112 times as sharp as SB, 26 to 47 times at equal lengths of the layers, and 6.5 to 47 times in relative boxes.
"""

import dataclasses
import math

from replication.configuration import Measure, Reparametrization, Sharpness
from replication.experiments import answers
from replication.experiments.base import Listing, ListingLine, place
from replication.experiments.groups import mean
from replication.store.grouping import comparisons, sort_key

_TITLES = {"as trained": "as trained", "kernels": "kernels before normalizations ×",
           "transfer": "number moved to the next kernel:", "other's lengths": "other's lengths"}
# By the regime whose lengths both have.
_EXCHANGED = {"SB": "SB as trained, LB at SB’s layer lengths", "LB": "SB at LB’s layer lengths, LB as trained"}
# How Metric 2.1 is taken beside the paper's way: words, and the choices.
_BOXES = {
    "the paper’s box, ε = 1e-3": {"epsilon": 1e-3},
    "the paper’s box at normalized layers, ε = 1e-3": {"epsilon": 1e-3, "normalize": "layers"},
    **{f"the relative box, ε = {epsilon:g}": {"epsilon": epsilon, "box": "relative"} for epsilon in (0.01, 0.02, 0.05)},
}


def needs(setup):
    """Returns the reparametrizations of SB and LB of trial 0, with and without normalization."""
    tasks, preset = [], setup.preset
    for small, large in setup.pairs(setup.study_networks, trials=1):
        for bare in (False, True) if preset.without_normalization else (False,):
            pair = tuple(dataclasses.replace(run, without_normalization=bare) for run in (small, large))
            tasks.append(Measure(pair, (Reparametrization(
                examples=preset.study_examples, statistics=small.statistics, iterations=preset.iterations,
                seed=small.trial),)))
    return tasks


def listing(store):
    """Returns the headings, and a line for each other parametrization of SB and LB."""
    headings = ("network", "weights", "largest change of an output", "f of SB", "f of LB", "sharpness of SB (%)",
                "sharpness of LB (%)", "LB / SB")
    lines = []
    for joined in _whole(store):
        run = joined.small.run
        where = place(run) + (", without normalization" if run.without_normalization else "")
        for name, points in _by_weights(joined).items():
            small, large = points.get("SB"), points.get("LB")
            if small and large:
                lines.append(ListingLine((
                    where, name, max(small["output_change"], large["output_change"]), small["loss"], large["loss"],
                    small["sharpness"], large["sharpness"], _ratio(large, small)),
                    (joined.small.name, joined.large.name)))
    return headings, lines


@answers.joined
def answer(store):
    """Yields over which range LB's sharpness moves without a change of its outputs, and LB / SB at equal lengths."""
    for joined in _whole(store):
        if joined.small.run.without_normalization:
            continue
        points = _by_weights(joined)
        if not points.keys() >= {*_EXCHANGED.values()}:
            continue
        values = [each["LB"]["sharpness"] for each in points.values()]
        trained = points["as trained"]
        ratio, *ratios = (_ratio(each["LB"], each["SB"])
                          for each in (trained, *(points[name] for name in _EXCHANGED.values())))
        if None in (ratio, *ratios):
            continue
        run = joined.small.run
        yield (f"{place(run)}, one trial: weights with the same outputs, up to the normalization’s epsilon, give "
               f"LB a sharpness of {answers.significant(min(values))} % to {answers.significant(max(values))} %; LB "
               f"is {answers.significant(ratio)} times as sharp as SB as trained, and {answers.span(ratios)} times "
               "when both have equal kernel norms.")


def box_needs(setup):
    """Returns Metric 2.1 of SB and LB of each trial in each box, in the full space."""
    preset, tasks = setup.preset, []
    for run in setup.runs(setup.study_networks):
        tasks.append(Measure((run,), tuple(Sharpness(
            **choices, statistics=run.statistics, seed=run.trial, examples=preset.study_examples)
            for choices in _BOXES.values())))
    return tasks


def boxes(store):
    """Returns the headings, and a line for each box: means over the trials, and the ratio with its interval."""
    lines = []
    for comparison, name, pairs, names in _measured_boxes(store):
        lines.append(ListingLine((comparison.where, name, str(len(pairs)), mean(small for _, small in pairs),
                                  mean(large for large, _ in pairs), answers.ratio(pairs)), names))
    return ("network", "box", "trials", "sharpness of SB (%)", "sharpness of LB (%)", "LB / SB"), lines


@answers.joined
def box_answer(store):
    """Yields how much sharper LB is in the boxes that do not change with the scale of the weights."""
    found = {}
    for comparison, name, pairs, _ in _measured_boxes(store):
        if ratio := answers.ratio(pairs):
            found.setdefault(comparison.where, []).append(f"{ratio} in {name}")
    for where, parts in found.items():
        yield f"{where}: LB’s sharpness divided by SB’s is {'; '.join(parts)}."


def _ratio(large, small):
    """Returns how much sharper LB is than SB at two points; None if SB's sharpness is 0."""
    return large["sharpness"] / small["sharpness"] if small["sharpness"] > 0 else None


def _whole(store):
    """Returns the measurements with all parametrizations over the most examples, with normalization first."""
    found = {}
    for each in store.joined["reparametrization"]:
        pair = each.small.name, each.large.name
        if not each.choices.exchange_only and (pair not in found or _examples(each) > _examples(found[pair])):
            found[pair] = each
    return sorted(found.values(), key=lambda each: (
        sort_key(each.small.run), each.small.run.without_normalization, each.small.run.trial))


def _examples(joined):
    return joined.choices.examples or math.inf


def _by_weights(joined):
    """Returns the points of SB and LB by the name of the parametrization."""
    found = {}
    for point in joined.content["points"]:
        factor = "" if point["factor"] is None else f" {point['factor']:g}"
        found.setdefault(_TITLES[point["weights"]] + factor, {})[point["regime"]] = point
    if exchanged := found.pop(_TITLES["other's lengths"], None):
        trained = found["as trained"]
        found[_EXCHANGED["SB"]] = {"SB": trained["SB"], "LB": exchanged["LB"]}
        found[_EXCHANGED["LB"]] = {"SB": exchanged["SB"], "LB": trained["LB"]}
    return found


def _measured_boxes(store):
    """Yields each comparison and box, with LB's and SB's sharpness of each trial that has both, and the runs' names."""
    for comparison in comparisons(store.runs):
        sizes = {item.choices.examples for each in (*comparison.small, *comparison.large)
                 for item in each.measurements["sharpness"]
                 if item.choices.box == "relative" and item.choices.seed == each.run.trial}
        # Over the largest part of the examples, and over all if no part was measured.
        examples = max(filter(None, sizes), default=None)
        for name, choices in _BOXES.items() if sizes else ():
            found = [((_in_box(large, choices, examples), _in_box(small, choices, examples)), (small.name, large.name))
                     for small, large in comparison.pairs()]
            if measured := [each for each in found if None not in each[0]]:
                yield (comparison, name, [pair for pair, _ in measured],
                       tuple(run for _, names in measured for run in names))


def _in_box(finished_run, choices, examples):
    return finished_run.sharpness(Sharpness(
        **choices, statistics=finished_run.run.statistics, seed=finished_run.run.trial, examples=examples))


LISTING = Listing(
    name="reparametrization", place="Limits", title="Other weights with the same outputs",
    caption=(
        "Dinh et al. (2017): a network with ReLU has other weights with the same outputs and any sharpness. Kernels "
        "and biases before the normalizations are multiplied by a number (exact except for the normalization’s "
        "epsilon); a factor is moved from the last scale and shift, or without normalization from the last hidden "
        "kernel, to the next kernel (exact); and the kernels of SB and LB that precede normalization layers are "
        "rescaled to each other’s norms. f over a part of the training set, ε = 1e-3, the full space."),
    needs=needs, listing=listing, answer=answer)
BOX_LISTING = Listing(
    name="boxes", place="Limits", title="Boxes that do not change with the scale of the weights",
    caption=(
        "Half-widths of ε |x_i| instead of ε (|x_i| + 1) (Kwon et al., 2021), and the paper’s box at weights with the "
        "same outputs whose kernels before the normalizations have the length of Glorot’s initialization. f over "
        "a part of the training set, the full space; the interval of the ratio is over the trials."),
    needs=box_needs, listing=boxes, answer=box_answer)
