"""The remedies of sections 4 and 5 and appendix E: LB with each, beside plain runs.

    python -m replication.reproduce --preset=paper --networks=F2,C1 --experiments=remedies

They have not been run yet on the paper's data.
"""

import functools
from statistics import fmean

from replication.catalog import NETWORKS
from replication.experiments.base import EPSILON_LABELS, Listing, ListingLine, test_accuracy
from replication.experiments.groups import mean
from replication.experiments.table3 import common_protocol, measure, values
from replication.experiments.table6 import remedied
from replication.remedies import REMEDIES
from replication.store.grouping import EPSILONS, comparisons, variants

_SPACES = {0: "full space", 100: "subspace"}


def needs(setup, variants, spaces):
    """Returns the sharpness of SB, LB and variants of LB, each trial of the study's networks.

    Args:
        setup: A `Setup`.
        variants: Function from the preset, an SB and an LB run to the variants of the latter.
        spaces: Dimensions of the subspaces; 0 is the full space.
    """
    runs = []
    for small, large in setup.pairs(setup.study_networks, trials=setup.remedy_trials):
        runs += [small, large, *variants(setup.preset, small, large)]
    return [task for dimension in spaces if dimension in setup.preset.remedy_subspace_dims
            for task in measure(setup, runs, subspace_dim=dimension, epsilons=setup.preset.study_epsilons)]


def listing(store, title, name, *, without, spaces):
    """Returns the headings, and a line for plain SB, plain LB and each variant of LB: means over the trials.

    Args:
        store: A `store.Store`.
        title: Heading of the column that names the variants.
        name: Function from a `configuration.Run` to its cell in that column.
        without: The choices in which a variant of LB differs from plain LB.
        spaces: The spaces of the sharpness, see `needs`.
    """
    sharpness = [f"sharpness, {_SPACES[dimension]}, {label} (%)"
                 for dimension in spaces for label in EPSILON_LABELS.values()]
    headings = ("network", "regime", title, "trials", "test accuracy (%)", *sharpness,
                "gradients, × those of plain LB")
    lines = []
    for comparison in comparisons(store.runs):
        found = variants(store.runs, comparison, *without) if comparison.large else []
        if not found:
            continue
        found.sort(key=lambda group: name(group[0].run))
        groups = [group for group in (comparison.small, comparison.large, *found) if group]
        members = [each for group in groups for each in group]
        measured = [(common_protocol(members, subspace_dim=dimension), epsilon)
                    for dimension in spaces for epsilon in EPSILONS.values()]
        for group in groups:
            run = group[0].run
            cells = (comparison.where, run.regime, name(run), str(len(group)), fmean(map(test_accuracy, group)),
                     *(mean(values(group, protocol, epsilon)) for protocol, epsilon in measured),
                     _cost(group, comparison.large))
            lines.append(ListingLine(cells, tuple(each.name for each in group)))
    return _without_empty_columns(headings, lines)


def _without_empty_columns(headings, lines):
    kept = [index for index in range(len(headings)) if any(line.cells[index] is not None for line in lines)]
    return tuple(headings[index] for index in kept), [
        ListingLine(tuple(line.cells[index] for index in kept), line.runs) for line in lines]


def _cost(group, plain):
    """Returns the gradients that a group took relative to plain LB; None if a record does not tell them."""
    numbers = [[each.gradients for each in side] for side in (group, plain)]
    if any(number is None for side in numbers for number in side):
        return None
    return fmean(numbers[0]) / fmean(numbers[1])


def with_remedies(preset, small, large):
    """Returns LB with each remedy of a preset that its network admits, for an SB and an LB run."""
    batch_size = min(small.batch_size, large.batch_size)
    kinds = [kind for name, kind in REMEDIES.items() if name in (preset.remedies or REMEDIES)]
    return [remedied(large, remedy) for kind in kinds if kind.admits(NETWORKS[large.network])
            for remedy in kind.listed(batch_size)[:preset.remedy_variants]]


REMEDY_LISTING = Listing(
    name="remedies", place="Section 4, appendix E", title="Remedies for large batches",
    caption=(
        "Which remedy brings LB to SB’s test accuracy, at which cost, and are its minimizers flat? The paper found "
        "augmentation and conservative training to help the accuracy and not the sharpness, adversarial and stability "
        "training to bring no gain, and left dynamic sampling open. Sharpness-aware minimization (sam, with a "
        "perturbation for each m examples), ghost normalization and the scaling of the learning rate are later than "
        "the paper. Conservative training with penalty 0 makes as many updates without its proximal term. Means over "
        "the trials; a gradient is that of one example."),
    needs=functools.partial(needs, variants=with_remedies, spaces=tuple(_SPACES)),
    listing=functools.partial(listing, title="remedy", name=lambda run: run.remedy.label if run.remedy else "none",
                              without=("remedy", "jit_compile"), spaces=tuple(_SPACES)))
