"""The spreads of Metric 2.1 over what should not matter: starts, partition, batches, data, precision, iterations.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=spreads

It took 8 minutes on two cores in the full space, 5 in the subspace, and 17 on one core for the partition. F1, trial 0
(results/tables/spreads.md): in the full space LB's sharpness moves by a factor of 1.3 with the choice and partition of
the examples, by 13 % with the partition alone, by 5 % with the start and by 1 % with the precision; in the subspace by
a factor of 2.4 with the starts and the subspace.
"""

import dataclasses
import math

from replication.configuration import Measure, Sharpness
from replication.experiments import answers
from replication.experiments.base import Listing, ListingLine
from replication.store.grouping import comparisons

_SPACES = {0: "full space", 100: "subspace"}
_SEEDS = (0, 1, 2)
_STARTS = "the random starts"
# What varies in the subspace, where a measurement takes several times as long.
_IN_THE_SUBSPACE = ("starts and subspace", "the partition and choice of the examples", "the iterations")


def needs(setup):
    """Returns Metric 2.1 of SB and LB of trial 0 under each variation, in both spaces."""
    preset = setup.preset
    return [Measure((run,), tuple(choices for dimension in preset.remedy_subspace_dims for found in _variations(
        _usual(run, preset.study_examples, dimension), setup.resolved_dataset(run.network).training_size).values()
        for choices in found)) for run in setup.runs(setup.study_networks, trials=1)]


def listing(store):
    """Returns the headings, and a line for each variation: the smallest and the largest value of SB and of LB."""
    headings = ("network", "space", "what varies", "SB (%)", "SB, largest / smallest", "LB (%)",
                "LB, largest / smallest", "LB / SB")
    lines = []
    for where, names, dimension, variation, values in _measured(store):
        cells = []
        for found in values.values():
            cells += [answers.span(found), max(found) / min(found) if min(found) > 0 else None]
        small, large = values.values()
        ratios = [b / a for a, b in zip(small, large) if a > 0]
        lines.append(ListingLine((where, _SPACES[dimension], variation, *cells,
                                  answers.span(ratios) if ratios else ""), names))
    return headings, lines


@answers.joined
def answer(store):
    """Yields by which factor each variation changes LB's sharpness in the full space, the largest first."""
    found = {}
    for where, _, dimension, variation, values in _measured(store):
        if not dimension and min(values["LB"]) > 0:
            found.setdefault(where, []).append((max(values["LB"]) / min(values["LB"]), variation))
    for where, factors in found.items():
        parts = ", ".join(f"{factor:.3g} with {variation}" for factor, variation in sorted(factors, reverse=True))
        yield f"{where}, one trial: LB’s sharpness in the full space changes by a factor of {parts}."


def _usual(run, examples, dimension):
    return Sharpness(epsilon=1e-3, subspace_dim=dimension, statistics=run.statistics, starts=1, seed=run.trial,
                     examples=examples)


def _variations(usual, training_size):
    """Returns the choices of the measurements of each variation by its name.

    One of them is the usual one, but of the partition, which alone varies over a choice of all examples, because its
    seed chooses the examples too. The random starts in the full space have a single measurement, with four starts.
    Variations that would give the same batches are left out.
    """
    def having(**changes):
        return dataclasses.replace(usual, **changes)

    partitions = tuple(having(examples=training_size, partition=seed) for seed in _SEEDS) if training_size else ()
    # The usual one comes last, so that it stands for its number of batches.
    batches = {_number_of_batches(choice): choice
               for choice in (having(batch_size="all"), having(batch_size=1000), usual)}
    found = {
        **({"starts and subspace": (usual, having(starts=4), *(having(seed=usual.seed + each) for each in _SEEDS[1:]))}
           if usual.subspace_dim else {_STARTS: (having(starts=4),)}),
        **({} if usual.subspace_dim or not partitions or _number_of_batches(partitions[0]) == 1
           else {"the partition": partitions}),
        "the partition and choice of the examples": tuple(having(partition=seed) for seed in _SEEDS),
        **({} if len(batches) == 1 else {"the batch of f": tuple(batches.values())}),
        "the number of examples": (usual, having(examples=usual.examples // 2), having(examples=usual.examples // 5)),
        "the precision": (usual, having(dtype="float64")),
        "the iterations": (having(iterations=5), usual, having(iterations=20)),
    }
    return {name: found[name] for name in _IN_THE_SUBSPACE} if usual.subspace_dim else found


def _number_of_batches(choices):
    return 1 if choices.batch_size == "all" else math.ceil(choices.examples / choices.batch_size)


def _measured(store):
    """Yields the network, the runs' names, the dimension, what varies, and the values of SB and LB in one order."""
    for comparison in comparisons(store.runs):
        for pair in comparison.pairs()[:1]:
            sizes = {item.choices.examples for item in pair[0].measurements["sharpness"]
                     if item.choices.dtype == "float64"}
            largest = max(filter(None, sizes), default=None)
            for dimension in _SPACES if largest else ():
                usual = _usual(pair[0].run, largest, dimension)
                for variation, wanted in _variations(usual, pair[0].training_size).items():
                    if values := _values(pair, wanted):
                        yield (comparison.where, tuple(each.name for each in pair), dimension, variation,
                               dict(zip(("SB", "LB"), values)))


def _values(pair, wanted):
    """Returns the sharpness of SB and of LB by each of some choices; of a single choice, that from each start.

    Processors round differently. The result is empty if no machine has measured both by all of the choices.
    """
    machines = {}
    for side, finished_run in enumerate(pair):
        for item in finished_run.measurements["sharpness"]:
            machines.setdefault(str(item.content.get("machine")), {})[side, item.choices] = item.content
    complete = [[[found[side, choices] for choices in wanted] for side in (0, 1)] for _, found in sorted(
        machines.items()) if all((side, choices) in found for side in (0, 1) for choices in wanted)]
    return [_sharpness(contents) for contents in complete[0]] if complete else []


def _sharpness(contents):
    if len(contents) != 1:
        return [content["sharpness"] for content in contents]
    content, = contents
    return [100 * (value - content["loss"]) / (1 + content["loss"]) for value in content["start_max_losses"]]


LISTING = Listing(
    name="spreads", place="Limits", title="How much Metric 2.1 moves with what should not matter",
    caption=(
        "Each line varies one choice of the measurement, all others the same, at the same minimizers and on the same "
        "machine: each of four starts alone (in the subspace four in place of one, and the subspace itself), the "
        "partition of the whole training set into batches, the choice of a part of it together with its partition, "
        "batches of 1,000 and of all examples instead of 5,000, a half and a fifth of the examples, which also make "
        "fewer or smaller batches, float64 instead of float32, and 5 and 20 iterations instead of 10."),
    needs=needs, listing=listing, answer=answer)
