"""The losses and initial scales: is LB sharp with another loss, and from larger or smaller kernels?

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=losses
    python -m replication.reproduce --preset=paper --networks=F1 --experiments=scale

They take 12 and 15 minutes on two cores in addition to the trainings of table 2. F1, trial 0: LB is 8.7 times as sharp
as SB with label smoothing, 30 times with the mean squared error (results/tables/losses.md), 262 times from kernels
times 1/2 and 11 times from kernels times 2 (results/tables/scale.md).
"""

import dataclasses
import functools

from replication.configuration.run import TRAINING_LOSSES
from replication.experiments import answers
from replication.experiments.base import Listing, ListingLine
from replication.experiments.groups import (
    NUMBERS,
    comparable,
    measured_place,
    numbers,
    protocol_of,
    shared_trials,
    sharpness_of,
    variants,
)
from replication.experiments.table3 import measure

_SCALES = (0.5, 1.0, 2.0)


def needs(setup, choice, levels):
    """Returns the sharpness of SB and LB with each level of a choice, each trial.

    Args:
        setup: A `Setup`.
        choice: Name of a field of a `configuration.Run`.
        levels: Its values.
    """
    return measure(setup, [dataclasses.replace(run, **{choice: level})
                           for run in setup.runs(setup.study_networks, trials=setup.remedy_trials) for level in levels],
                   epsilons=setup.preset.study_epsilons)


def listing(store, choice, *, title, write):
    """Returns the headings, and a line for each regime and level: means over the trials that all levels have.

    Args:
        store: A `store.Store`.
        choice: Name of a field of a `configuration.Run`.
        title: Heading of its column.
        write: Function from a level to its cell.
    """
    lines = []
    for family in variants(store.runs, choice):
        protocol = protocol_of(family)
        where = measured_place(family[0], protocol)
        for group in comparable(sorted(family, key=lambda group: (
                group[0].run.regime != "SB", getattr(group[0].run, choice))), protocol):
            run = group[0].run
            lines.append(ListingLine((where, run.regime, write(getattr(run, choice)), *numbers(group, protocol)),
                                     tuple(each.name for each in group)))
    return ("network", "regime", title, *NUMBERS), lines


@answers.joined
def answer(store, choice, write):
    """Yields how much sharper LB is than SB with each level of a choice, over the trials that all levels have, if any.

    For the arguments see `listing`.
    """
    for family in variants(store.runs, choice):
        sides, protocol = {}, protocol_of(family)
        for each in (each for group in family for each in group):
            sides.setdefault(getattr(each.run, choice), {})[each.run.regime, each.run.trial] = sharpness_of(
                each, protocol)
        pairs = {level: {trial: (found["LB", trial], value) for (regime, trial), value in found.items()
                         if regime == "SB" and found.get(("LB", trial)) and value}
                 for level, found in sorted(sides.items(), key=lambda item: str(item[0]))}
        pairs = {level: found for level, found in pairs.items() if found}
        if pairs:
            trials = shared_trials(pairs.values())
            parts = [f"{answers.ratio([found[trial] for trial in trials if trial in found])} with {write(level)}"
                     for level, found in pairs.items()]
            yield f"{measured_place(family[0], protocol)}: LB’s sharpness divided by SB’s is {'; '.join(parts)}."


def _loss(name):
    return "cross-entropy" if name == "cross_entropy" else name.replace("_", " ")


def _scale(factor):
    return f"initial kernels × {factor:g}"


LOSSES = Listing(
    name="losses", place="Why", title="Other losses",
    caption=(
        "Each run minimizes another loss: cross-entropy, cross-entropy to labels that spread 0.1 over all classes, or "
        "the mean squared error of the probabilities. Training loss and sharpness are those of its own f, so that only "
        "the ratio of LB and SB is comparable across losses. Means over the trials that all lines have, if any."),
    needs=functools.partial(needs, choice="training_loss", levels=TRAINING_LOSSES),
    listing=functools.partial(listing, choice="training_loss", title="loss", write=_loss),
    answer=functools.partial(answer, choice="training_loss", write=_loss))
SCALE = Listing(
    name="scale", place="Why", title="Other initial scales",
    caption=(
        "All initial kernels are multiplied by 1/2, 1 or 2. Batch normalization makes all layers except the last "
        "invariant to the scale of their kernels. Metric 2.1’s box is not invariant, and ADAM’s steps have the same "
        "length for large and small weights. Means over the trials that all lines have, if any."),
    needs=functools.partial(needs, choice="kernel_scale", levels=_SCALES),
    listing=functools.partial(listing, choice="kernel_scale", title="initial scale", write=_scale),
    answer=functools.partial(answer, choice="kernel_scale", write=_scale))
