"""Runs that differ only in given fields of their configuration, and the values that listings show for them."""

import itertools
from statistics import fmean

from replication.configuration import presets
from replication.experiments.base import EPSILON_LABELS, place, test_accuracy
from replication.experiments.table3 import common_protocol, unusual, values
from replication.store.grouping import EPSILONS, REGIMES, buckets, key, sort_key

# Headings of `numbers`.
NUMBERS = ("trials", "training accuracy (%)", "training loss", "test accuracy (%)",
           *(f"sharpness, {label} (%)" for label in EPSILON_LABELS.values()))


def variants(finished_runs, *choices):
    """Returns the SB and LB runs that differ from a preset's only in the given fields, as families of such variants.

    Args:
        finished_runs: `store.FinishedRun`s.
        choices: Names of fields of a `configuration.Run`.

    Returns:
        A list of families with two variants at least, by network and data set; each is a list of groups, and a group
        a tuple of the trials of one variant and regime.
    """
    found = [each for each in finished_runs if each.run.regime in REGIMES
             and presets.is_plain_but_for(each.run, each.resolved_dataset, *choices)]
    families = []
    for _, alike in buckets(found, lambda each: (*map(str, sort_key(each.run)), key(
            each, *choices, "regime", "batch_size", "recompute"))):
        groups = [tuple(sorted(group, key=lambda each: each.run.trial)) for _, group in buckets(alike, key)]
        if len({key(group[0], "regime", "batch_size", "recompute") for group in groups}) > 1:
            families.append(groups)
    return families


def measured_trials(group, *protocols):
    """Returns the trials of a group that have every measurement which one of them has; means are then over the same.

    Args:
        group: `store.FinishedRun`s.
        *protocols: The protocols of the measurements, see `table3.common_protocol`.
    """
    known = [each for each in itertools.product(protocols, EPSILONS.values()) if values(group, *each)]
    return [run for run in group if all(values([run], *each) for each in known)] or list(group)


def comparable(groups, *protocols):
    """Returns `measured_trials` of groups, as far as all groups have the trial; of those that share none, all trials.

    Args:
        groups: Lists of `store.FinishedRun`s whose means are to be compared.
        *protocols: The protocols of the measurements, see `table3.common_protocol`.
    """
    measured = [measured_trials(group, *protocols) for group in groups]
    trials = shared_trials([each.run.trial for each in group] for group in measured) if measured else ()
    return [[each for each in group if each.run.trial in trials] for group in measured]


def numbers(group, protocol):
    """Returns the cells of NUMBERS for the trials of one variant: means, None for what was not measured.

    Args:
        group: `store.FinishedRun`s.
        protocol: The protocol of their sharpness, as `table3.common_protocol` gives it.
    """
    return *fit(group), *(mean(values(group, protocol, epsilon)) for epsilon in EPSILONS.values())


def fit(group):
    """Returns the first four cells of NUMBERS, for which nothing need be measured."""
    return (str(len(group)), fmean(100 * each.metrics["train_accuracy"] for each in group),
            fmean(each.metrics["train_loss"] for each in group), fmean(map(test_accuracy, group)))


def protocol_of(groups, *, subspace_dim=0):
    """Returns the protocol by which the runs of several groups are compared, see `table3.common_protocol`."""
    return common_protocol([each for group in groups for each in group], subspace_dim=subspace_dim)


def measured_place(finished_runs, protocol, where=None):
    """Returns the network and the data of runs in words, or `where`, and in what their `protocol` is not usual."""
    peculiarity = unusual(finished_runs, protocol)
    return (where or place(finished_runs[0].run)) + (f" (measured with {peculiarity})" if peculiarity else "")


def sharpness_of(finished_run, protocol, epsilon=1e-3):
    """Returns the sharpness of a run by a protocol; None if it was not measured so."""
    return next(iter(values([finished_run], protocol, epsilon)), None)


def shared_trials(trials):
    """Returns the trials that are in each of several collections; those of all together if they share none."""
    trials = list(map(set, trials))
    return set.intersection(*trials) or set.union(*trials)


def mean(found):
    """Returns the mean of numbers; None without any."""
    found = [each for each in found if each is not None]
    return fmean(found) if found else None
