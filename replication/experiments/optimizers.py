"""The optimizers of section 2.2, and whether they matter, as the reviewers asked: LB with each, at several rates.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=optimizers

It took 35 minutes on two cores in addition to the trainings of table 2, partly while tests ran. F1, trial 0
(results/tables/optimizers.md): with each of four optimizers, at its learning rate of the least training loss, LB is 109
to 167 times as sharp as SB; with ADAGRAD at ten times its usual rate, which fits 99.99 % of the training set, LB is the
flatter one.
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
from replication.store.grouping import MAIN, buckets

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
    """Returns the headings, and a line for SB, LB and each optimizer at each learning rate."""
    lines = []
    for where, protocol, family in _families(store):
        for group in comparable(family, protocol):
            run = group[0].run
            lines.append(ListingLine((
                where, run.regime, run.optimizer, f"{run.learning_rate:g}", *numbers(group, protocol)),
                tuple(each.name for each in group)))
    return ("network", "regime", "optimizer", "learning rate", *NUMBERS), lines


@answers.joined
def answer(store):
    """Yields how sharp LB is with each optimizer, relative to SB, over the trials that all of them have, if any.

    An optimizer is represented by its learning rate of the least training loss, ADAM by that of the preset. Other rates
    follow with which LB fits the training set at least as well as with the worst of these.
    """
    for where, protocol, family in _families(store):
        small = {each.run.trial: sharpness_of(each, protocol) for group in family for each in group
                 if each.run.regime == "SB" and MAIN.admits(each)}

        def measured(groups, small=small, protocol=protocol):
            found = ([each for each in group if sharpness_of(each, protocol) and small.get(each.run.trial)]
                     for group in groups)
            return list(filter(None, found))

        def compared(groups, words, small=small, protocol=protocol):
            for group in groups:
                ratios = [(sharpness_of(each, protocol), small[each.run.trial]) for each in group]
                yield f"{answers.ratio(ratios)} with {words(group[0].run)} (training accuracy {_fit(group):.2f} %)"

        large = [group for group in family if group[0].run.regime == "LB"]
        best = [min(rates, key=_loss) for _, rates in buckets(
            [group for group in large if group[0].run.optimizer != "adam" or MAIN.admits(group[0])],
            lambda group: group[0].run.optimizer)]
        others = [group for group in large if group not in best]
        if not (best := measured(best)):
            continue
        trials = shared_trials([each.run.trial for each in group] for group in best)
        best, others = ([[each for each in group if each.run.trial in trials] for group in groups]
                        for groups in (best, measured(others)))
        best, least = list(filter(None, best)), min(_fit(group) for group in best if group)
        parts = compared(best, lambda run: run.optimizer)
        yield f"{where}: LB’s sharpness divided by that of SB with ADAM is {'; '.join(parts)}."
        others = [group for group in others if group and _fit(group) >= least]
        if parts := list(compared(others, lambda run: f"{run.optimizer} at {run.learning_rate:g}")):
            yield (f"At other learning rates with a training accuracy of at least {least:.2f} %, the least of these, "
                   f"it is {'; '.join(parts)}.")


def _families(store):
    """Yields for each family its network in words, its protocol, and its groups in the order of the listing."""
    for family in variants(store.runs, *_CHOICES):
        protocol, shown = protocol_of(family), [
            group for group in family if group[0].run.regime == "LB" or group[0].run.optimizer == "adam"]
        shown.sort(key=lambda group: (
            group[0].run.regime != "SB", group[0].run.optimizer, group[0].run.learning_rate))
        yield measured_place(family[0], protocol), protocol, shown


def _loss(group):
    return fmean(each.metrics["train_loss"] for each in group)


def _fit(group):
    """Returns the mean training accuracy of a group, in percent."""
    return fmean(100 * each.metrics["train_accuracy"] for each in group)


LISTING = Listing(
    name="optimizers", place="Why", title="Large batches with other optimizers",
    caption=(
        "The paper reports (section 2.2) that LB with ADAGRAD, SGD and adaQN behaves as with ADAM, without numbers: "
        "less accurate on the test set than SB, and sharp. An optimizer that has not converged looks flat, so those "
        "other than ADAM are tried at several learning rates, and training loss and accuracy stand beside the "
        "sharpness. SB is trained with ADAM alone. adaQN is not part of "
        "this replication; SGD comes with and without momentum. Means over the trials that all lines have, if any."),
    needs=needs, listing=listing, answer=answer)
