"""The optimizers of section 2.2, and whether they matter, as the reviewers asked: LB with each, at its best rate.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=optimizers

It took 35 minutes on two cores in addition to the trainings of table 2, partly while tests ran. F1, trial 0
(results/tables/optimizers.md): LB is 109 to 167 times as sharp as SB with each of four optimizers that fits the
training set.
"""

import dataclasses
from statistics import fmean

from replication.configuration import OPTIMIZERS
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
from replication.store.grouping import buckets, key

_CHOICES = ("optimizer", "learning_rate")


def needs(setup):
    """Returns the sharpness of SB, LB and LB with each other optimizer at several learning rates, each trial."""
    runs, preset = [], setup.preset
    for small, large in setup.pairs(setup.study_networks, trials=setup.remedy_trials):
        runs += [small, large, *(
            dataclasses.replace(large, optimizer=optimizer, learning_rate=rate * factor)
            for optimizer, rate in OPTIMIZERS.items() if optimizer != large.optimizer
            for factor in preset.optimizer_rates)]
    return measure(setup, runs, epsilons=preset.study_epsilons)


def listing(store):
    """Returns the headings, and a line for SB, LB and each optimizer's rate of the least training loss."""
    lines = []
    for where, protocol, found in _best(store):
        groups = comparable([group for group, _ in found], protocol)
        for group, (_, rates) in zip(groups, found):
            run, tried = group[0].run, ", ".join(f"{rate:g}" for rate in rates)
            lines.append(ListingLine((
                where, run.regime, run.optimizer, f"{run.learning_rate:g} of {tried}", *numbers(group, protocol)),
                tuple(each.name for each in group)))
    return ("network", "regime", "optimizer", "learning rate", *NUMBERS), lines


@answers.joined
def answer(store):
    """Yields how sharp LB is with each optimizer, relative to SB, over the trials that all of them have, if any."""
    for where, protocol, found in _best(store):
        small = {each.run.trial: sharpness_of(each, protocol) for group, _ in found for each in group
                 if each.run.regime == "SB"}
        large = [[each for each in group if sharpness_of(each, protocol) and small.get(each.run.trial)]
                 for group, _ in found if group[0].run.regime == "LB"]
        large, parts = list(filter(None, large)), []
        trials = shared_trials([each.run.trial for each in group] for group in large) if large else ()
        for group in large:
            group = [each for each in group if each.run.trial in trials]
            ratios = [(sharpness_of(each, protocol), small[each.run.trial]) for each in group]
            if ratios:
                accuracy = fmean(100 * each.metrics["train_accuracy"] for each in group)
                parts.append(f"{answers.ratio(ratios)} with {group[0].run.optimizer} "
                             f"(training accuracy {accuracy:.2f} %)")
        if parts:
            yield f"{where}: LB’s sharpness divided by that of SB with ADAM is {'; '.join(parts)}."


def _best(store):
    """Returns for each family its network in words, its protocol, and pairs of a group and the rates tried."""
    result = []
    for family in variants(store.runs, *_CHOICES):
        found = []
        shown = [group for group in family if group[0].run.regime == "LB" or group[0].run.optimizer == "adam"]
        for _, rates in buckets(shown, lambda group: key(group[0], "learning_rate")):
            best = min(rates, key=lambda group: fmean(each.metrics["train_loss"] for each in group))
            found.append((best, sorted(group[0].run.learning_rate for group in rates)))
        found.sort(key=lambda each: (each[0][0].run.regime != "SB", each[0][0].run.optimizer))
        protocol = protocol_of(family)
        result.append((measured_place(family[0], protocol), protocol, found))
    return result


LISTING = Listing(
    name="optimizers", place="Why", title="Large batches with other optimizers",
    caption=(
        "The paper reports (section 2.2) that LB with ADAGRAD, SGD and adaQN behaves as with ADAM, without numbers: "
        "less accurate on the test set than SB, and sharp. An optimizer that has not converged looks flat, so those "
        "other than ADAM are tried at several learning rates, the one of the least training loss is shown, and "
        "training loss and accuracy stand beside the sharpness. SB is trained with ADAM alone. adaQN is not part of "
        "this replication; SGD comes with and without momentum. Means over the trials that all lines have, if any."),
    needs=needs, listing=listing, answer=answer)
