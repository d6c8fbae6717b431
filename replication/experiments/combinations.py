"""The combinations in which LB is trained with what small batches have, and what each of them changes.

The experiment `origins` trains, shows and explains them.
"""

import dataclasses
import itertools
import math

from replication.experiments import answers
from replication.experiments.base import test_accuracy
from replication.experiments.groups import mean, protocol_of, sharpness_of
from replication.remedies import Imitation
from replication.store.grouping import buckets, key, sort_key

# Each level of a factor, by the fields of `Imitation`; the first is LB's own.
FACTORS = {
    "step length": {"1e-3": {}, "× √(B/b)": {"rule": "sqrt"},
                    "× B/b, warm-up": {"rule": "linear", "warmup_epochs": 5.0}},
    "gradient noise": {"LB’s": {}, "SB’s": {"noise": True}},
    "statistics": {"LB’s": {}, "SB’s": {"ghost": True}},
}
OWN = tuple(next(iter(levels)) for levels in FACTORS.values())
_FREE = ("remedy", "jit_compile")


@dataclasses.dataclass(frozen=True)
class Cell:
    """One combination of levels, as it was trained.

    Attributes:
        levels: The level of each factor, in the order of FACTORS; None for SB.
        runs: The `store.FinishedRun`s, by trial.
    """

    levels: tuple | None
    runs: dict


def families(store):
    """Returns the `Cell`s of each network, data set and number of epochs, SB first, as lists.

    SB has been trained for as many epochs, or if there is no such run for as many updates.
    """
    # Runs that the stopping rule ends make no comparison at equal epochs.
    imitating = [each for each in store.runs
                 if levels_of(each.run) is not None and each.run.remedy and each.run.epochs is not None]
    result = []
    for (_, alike, small_batch), members in buckets(imitating, lambda each: (
            sort_key(each.run), key(each, *_FREE), each.run.remedy.small_batch)):
        plain = [each for each in store.runs if each.run.remedy is None and key(each, *_FREE) == alike]
        free = (*_FREE, "regime", "batch_size", "epochs", "recompute")
        of_both, first = key(members[0], *free), members[0]
        trained = [each for each in store.runs if each.run.remedy is None and each.run.epochs is not None
                   and (each.run.regime, each.run.batch_size) == ("SB", small_batch) and key(each, *free) == of_both]
        small = [each for each in trained if each.run.epochs == first.run.epochs] or [
            each for each in trained if abs(updates(each) - updates(first)) < first.updates_per_epoch]
        cells = [Cell(None, _by_trial(small))] if small else []
        for levels in itertools.product(*FACTORS.values()):
            if found := [each for each in (*plain, *members) if levels_of(each.run) == levels]:
                cells.append(Cell(levels, _by_trial(found)))
        result.append(cells)
    return result


def updates(finished_run):
    """Returns the number of updates of a run, all of whose batches have its batch size."""
    return finished_run.result["epochs"] * finished_run.updates_per_epoch


def small_beside_large(cells):
    """Returns SB's sharpness relative to LB's with its own levels, as text; "" if one of them was not measured."""
    by_levels = {cell.levels: cell.runs for cell in cells}
    small, large = by_levels.get(None, {}), by_levels.get(OWN, {})
    protocol = protocol_of([cell.runs.values() for cell in cells])
    pairs = [[sharpness_of(runs[trial], protocol) for runs in (small, large)]
             for trial in sorted(small.keys() & large.keys())]
    return answers.ratio([pair for pair in pairs if all(pair)])


@dataclasses.dataclass(frozen=True)
class Effect:
    """What a level does in place of LB's own, for each trial the mean over the levels of the other factors.

    Trials that lack one of the combinations that others have are left out.

    Attributes:
        ratios: The ratios of the sharpness, pairs whose second number is 1.
        gains: The changes of the test accuracy, in points.
        gaps: The changes of the gap, training less test accuracy, in points.
        runs: The runs in pairs, each of the level before LB's own.
    """

    ratios: list
    gains: list
    gaps: list
    runs: list


def effects_of(cells, *, alone=False):
    """Returns by factor and level but the first its `Effect`, over the combinations for which both are measured.

    Args:
        cells: The `Cell`s of a family.
        alone: Whether only the combination with LB's own levels of the other factors counts.
    """
    by_levels = {cell.levels: cell.runs for cell in cells if cell.levels}
    protocol = protocol_of([cell.runs.values() for cell in cells])
    result = {}
    for position, (factor, levels) in enumerate(FACTORS.items()):
        own, *others = levels
        for level in others:
            per_trial = {}
            for combination, changed in by_levels.items():
                reference_levels = (*combination[:position], own, *combination[position + 1:])
                if combination[position] != level or (alone and reference_levels != OWN):
                    continue
                reference = by_levels.get(reference_levels, {})
                for trial in sorted(changed.keys() & reference.keys()):
                    pair = changed[trial], reference[trial]
                    sharpness = [sharpness_of(each, protocol) for each in pair]
                    if all(sharpness):
                        per_trial.setdefault(trial, {})[combination] = pair, (
                            math.log(sharpness[0] / sharpness[1]), test_accuracy(pair[0]) - test_accuracy(pair[1]),
                            _gap(pair[0]) - _gap(pair[1]))
            # A mean over other combinations is another effect.
            tried = set().union(*per_trial.values())
            if whole := [found.values() for _, found in sorted(per_trial.items()) if found.keys() == tried]:
                runs = [each for found in whole for pair, _ in found for each in pair]
                logarithms, gains, gaps = zip(*(map(mean, zip(*(change for _, change in found))) for found in whole))
                result[factor, level] = Effect(
                    [(math.exp(each), 1.0) for each in logarithms], list(gains), list(gaps), runs)
    return result


def _gap(finished_run):
    return 100 * finished_run.metrics["train_accuracy"] - test_accuracy(finished_run)


def options_of(levels):
    """Returns the options of `Imitation` that a combination of levels has, by name; none for LB itself."""
    return {name: value for level, known in zip(levels, FACTORS.values()) for name, value in known[level].items()}


def levels_of(run):
    """Returns the levels of a run as the study trains it; None for a run with another remedy or with other options."""
    if run.remedy is not None and not isinstance(run.remedy, Imitation):
        return None
    for levels in itertools.product(*FACTORS.values()):
        options = options_of(levels)
        if run.remedy == (Imitation(**options, small_batch=run.remedy.small_batch) if options else None):
            return levels
    return None


def _by_trial(found):
    return {each.run.trial: each for each in sorted(found, key=lambda each: each.run.trial)}
