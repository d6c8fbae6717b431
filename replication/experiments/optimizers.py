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

        large = [group for group in family if group[0].run.regime == "LB"]
        best = [min(rates, key=_loss) for _, rates in buckets(
            [group for group in large if group[0].run.optimizer != "adam" or MAIN.admits(group[0])],
            lambda group: group[0].run.optimizer)]
        others = _measured([group for group in large if group not in best], small, protocol)
        if not (best := _measured(best, small, protocol)):
            continue
        trials = shared_trials([each.run.trial for each in group] for group in best)
        best, others = (_restricted(groups, lambda each, trials=trials: each.run.trial in trials)
                        for groups in (best, others))
        least = min(map(_fit, best))
        parts = _compared(best, small, protocol, lambda run: run.optimizer)
        yield f"{where}: LB’s sharpness divided by that of SB with ADAM is {parts}."
        if others := [group for group in others if _fit(group) >= least]:
            parts = _compared(others, small, protocol, lambda run: f"{run.optimizer} at {run.learning_rate:g}")
            yield (f"At other learning rates with a training accuracy of at least {least:.2f} %, the least of these, "
                   f"it is {parts}.")


def _restricted(groups, admits):
    """Returns groups of runs with those alone that `admits`, without the groups that have none."""
    return list(filter(None, (list(filter(admits, group)) for group in groups)))


def _measured(groups, small, protocol):
    """Returns groups of LB runs with those alone whose sharpness, and that of SB in the trial, is known."""
    return _restricted(groups, lambda each: sharpness_of(each, protocol) and small.get(each.run.trial))


def _compared(groups, small, protocol, name):
    """Returns the ratio of sharpness to SB's and the training accuracy of each group as text, with its name."""
    return "; ".join(
        f"{answers.ratio([(sharpness_of(each, protocol), small[each.run.trial]) for each in group])} with "
        f"{name(group[0].run)} (training accuracy {_fit(group):.2f} %)" for group in groups)


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
