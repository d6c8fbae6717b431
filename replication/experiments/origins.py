"""The origins of LB's sharpness: its short steps, its lack of gradient noise, or the statistics of large batches?

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=origins
    python -m replication.reproduce --preset=paper --networks=F1 --experiments=origin_effects

LB is trained with each of them taken from SB: learning rates of 1e-3 and scaled, with and without the gradient noise of
small batches, with the statistics of the whole batch or of ghost batches, all combined, for equally many epochs.
On two cores a training takes 1 to 2 minutes and a measurement half a minute. F1, without equal updates
(results/tables/origins.md): with a learning rate × B/b alone, in three trials, LB ends as far from x_0 as SB and nearly
as flat.
"""

import dataclasses
import itertools
import math

from replication.configuration import Geometry, Measure, Reparametrization
from replication.experiments import answers
from replication.experiments.base import Listing, ListingLine, place
from replication.experiments.combinations import (
    FACTORS,
    OWN,
    effects_of,
    families,
    options_of,
    small_beside_large,
    updates,
)
from replication.experiments.groups import NUMBERS, mean, measured_trials, numbers, protocol_of
from replication.experiments.table3 import measure, values
from replication.experiments.table6 import remedied
from replication.remedies import Imitation


def needs(setup):
    """Returns the training and the measurements of SB and of LB with every combination, for equally many epochs."""
    tasks, preset = [], setup.preset
    for small, large in setup.pairs(setup.study_networks, trials=min(setup.trials, preset.origin_trials)):
        small = dataclasses.replace(small, epochs=preset.origin_epochs)
        runs = [_imitating(large, levels, small, preset.origin_epochs)
                for levels in itertools.product(*_tried(preset))]
        if preset.origin_updates:
            size = setup.resolved_dataset(large.network).training_size
            steps = math.ceil(size / small.batch_size) / math.ceil(size / large.batch_size)
            runs += [_imitating(large, (rule, *OWN[1:]), small, round(preset.origin_epochs * steps))
                     for rule in list(FACTORS["step length"])[:2]]
        for dimension in (0, 100):
            if dimension in preset.remedy_subspace_dims:
                tasks += measure(setup, [small, *runs], subspace_dim=dimension, epsilons=preset.study_epsilons)
        tasks += [Measure((run,), (Geometry(),)) for run in (small, *runs)]
        tasks += [Measure((small, run), (Reparametrization(
            exchange_only=True, examples=preset.study_examples, statistics=run.statistics, seed=run.trial),))
            for run in runs]
    return tasks


def listing(store):
    """Returns the headings, and a line for SB and for each combination: means over the trials."""
    headings = ("network", *FACTORS, "updates", *NUMBERS, "sharpness, subspace, ε = 1e-3 (%)",
                "at SB’s layer lengths (%)", "distance", "length")
    lines = []
    for cells in families(store):
        groups = [list(cell.runs.values()) for cell in cells]
        full, subspace = protocol_of(groups), protocol_of(groups, subspace_dim=100)
        small = cells[0].runs if cells[0].levels is None else {}
        for cell, group in zip(cells, (measured_trials(group, full, subspace) for group in groups)):
            run = group[0].run
            places = [item.content for each in group for item in each.measurements["geometry"]]
            exchanged = [_exchanged(store, each, small) for each in group]
            levels = cell.levels or ("SB", "", "")
            lines.append(ListingLine((
                place(run), *levels, f"{updates(group[0]):,}", *numbers(group, full),
                mean(values(group, subspace, 1e-3)), mean(exchanged), mean(place["distance"] for place in places),
                mean(place["norm"] for place in places)), tuple(each.name for each in group)))
    return headings, lines


def effects(store):
    """Returns the headings, and a line for each level of each factor: its effect with the other two the same."""
    headings = ("network", "epochs", "factor", "level", "sharpness, × that of LB’s own level", "test accuracy",
                "gap, training less test accuracy")
    lines = []
    for cells in families(store):
        for (factor, level), effect in effects_of(cells).items():
            first = effect.runs[0]
            gain, gap = (answers.difference(found, "points", resolution=answers.one_example(first))
                         for found in (effect.gains, effect.gaps))
            lines.append(ListingLine(
                (place(first.run), str(first.run.epochs), factor, level, answers.ratio(effect.ratios), gain, gap),
                tuple(dict.fromkeys(each.name for each in effect.runs))))
    return headings, lines


@answers.joined
def answer(store):
    """Yields how much less sharp than LB SB is, and LB with each of the three alone, beside the training losses."""
    for cells in families(store):
        found = effects_of(cells, alone=True)
        if len({factor for factor, _ in found}) < len(FACTORS):
            continue
        parts = [f"{_WORDS[levels]} multiplies LB’s sharpness by {answers.ratio(effect.ratios)}, with a training loss "
                 f"of {_loss(effect.runs[::2])} instead of {_loss(effect.runs[1::2])}"
                 for levels, effect in sorted(found.items(), key=lambda item: _size(item[1].ratios))]
        run = next(iter(cells[-1].runs.values())).run
        small = small_beside_large(cells)
        yield (f"{place(run)}, {run.epochs} epochs{f', where SB’s sharpness is LB’s times {small}' if small else ''}: "
               f"alone, {'; '.join(parts)}.")


@answers.joined
def effect_answer(store):
    """Yields by how much each of the three changes LB's sharpness and its gap, as means over the other two."""
    for cells in families(store):
        found = effects_of(cells)
        if len({factor for factor, _ in found}) == len(FACTORS):
            first = next(iter(found.values())).runs[0]
            parts = [f"{_WORDS[levels]} multiplies LB’s sharpness by {answers.ratio(effect.ratios)} and changes its "
                     "training less its test accuracy by "
                     f"{answers.difference(effect.gaps, 'points', resolution=answers.one_example(first))}"
                     for levels, effect in sorted(found.items(), key=lambda item: _size(item[1].ratios))]
            yield (f"{place(first.run)}, {first.run.epochs} epochs, each averaged over the levels of the other two, "
                   f"in the trials that have them all: {'; '.join(parts)}.")


_WORDS = {
    ("step length", "× √(B/b)"): "scaling the learning rate by √(B/b)",
    ("step length", "× B/b, warm-up"): "scaling the learning rate by B/b after a warm-up",
    ("gradient noise", "SB’s"): "adding the gradient noise of small batches",
    ("statistics", "SB’s"): "normalizing by the statistics of small batches",
}


def _tried(preset):
    """Returns the names of the levels of each factor that a preset tries."""
    lengths, *others = map(list, FACTORS.values())
    return lengths[:preset.origin_step_lengths], *others


def _imitating(large, levels, small, epochs):
    options = options_of(levels)
    run = dataclasses.replace(large, epochs=epochs)
    return remedied(run, Imitation(**options, small_batch=small.batch_size)) if options else run


def _exchanged(store, finished_run, small):
    """Returns the sharpness of a run at the layer lengths of SB's run of its trial; None if it was not measured."""
    for joined in store.joined["reparametrization"]:
        if (joined.large.name == finished_run.name and joined.small is small.get(finished_run.run.trial)
                and joined.choices.exchange_only):
            for point in joined.content["points"]:
                if (point["regime"], point["weights"]) == ("LB", "other's lengths"):
                    return point["sharpness"]
    return None


def _loss(finished_runs):
    """Returns the geometric mean of the training losses of runs, as text."""
    losses = [each.metrics["train_loss"] for each in finished_runs]
    return answers.significant(math.exp(mean(map(math.log, losses)))) if min(losses) > 0 else "0"


def _size(ratios):
    return mean(math.log(ratio) for ratio, _ in ratios)


LISTING = Listing(
    name="origins", place="Why", title="Step length, noise or statistics: LB with what small batches have",
    caption=(
        "The reviewers asked whether the optimizer or the loss makes LB sharp. LB differs from SB in three ways beside "
        "the number of its updates: its steps are short for the size of its batch, its gradient has little noise, and "
        "it is normalized by the statistics of many examples. LB is given each of them alone and in all combinations. "
        "The noise has the covariance of the small batch’s, up to the square of the mean gradient: the losses of the "
        "examples are weighted by N(1, B/b − 1). All are trained for the same number of epochs, unless the column "
        "of updates says that LB makes as many as SB. Means over the trials of each line. Sharpness at SB’s layer "
        "lengths takes f over a part of the training set."),
    needs=needs, listing=listing, answer=answer)
EFFECTS = Listing(
    name="origin_effects", place="Why", title="Step length, noise or statistics: the effect of each",
    caption=(
        "Each line compares a level with LB’s own, the levels of the other two the same, and averages over these "
        "(of ln sharpness at ε = 1e-3); intervals are over the trials that have all combinations."),
    needs=needs, listing=effects, answer=effect_answer)
