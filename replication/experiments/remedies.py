"""The remedies of section 4 and appendix E: LB with each, beside plain runs.

    python -m replication.reproduce --preset=paper --networks=F1 --trials=1 --experiments=remedies

F1, one trial (results/tables/remedies.md): adversarial training gains most on the test set, and conservative training
leaves LB as sharp as it was. The seven without a scaled learning rate took 2.8 hours of one processor while other jobs
ran. Adaptive sharpness-aware minimization has not been trained on MNIST.
"""

import itertools
from statistics import fmean

from replication.catalog import NETWORKS
from replication.experiments import answers
from replication.experiments.base import EPSILON_LABELS, Listing, ListingLine, test_accuracy
from replication.experiments.groups import NUMBERS, comparable, fit, mean, measured_place, sharpness_of
from replication.experiments.table3 import common_protocol, measure, values
from replication.experiments.table6 import remedied
from replication.remedies import REMEDIES
from replication.store.grouping import EPSILONS, comparisons, variants

_SPACES = {0: "full space", 100: "subspace"}


def needs(setup):
    """Returns the sharpness of SB, LB and LB with each remedy, each trial of the study's networks."""
    runs = []
    for small, large in setup.pairs(setup.study_networks, trials=setup.remedy_trials):
        runs += [small, large, *with_remedies(setup.preset, small, large)]
    return [task for dimension in _SPACES if dimension in setup.preset.remedy_subspace_dims
            for task in measure(setup, runs, subspace_dim=dimension, epsilons=setup.preset.study_epsilons)]


def listing(store):
    """Returns the headings, and a line for plain SB, plain LB and LB with each remedy: means over the same trials."""
    sharpness = [f"sharpness, {space}, {label} (%)" for space in _SPACES.values() for label in EPSILON_LABELS.values()]
    headings = ("network", "regime", "remedy", *NUMBERS[:4], *sharpness,
                "gradients, × those of plain LB")
    lines = []
    for comparison in comparisons(store.runs):
        found = variants(store.runs, comparison, "remedy", "jit_compile") if comparison.large else []
        if not found:
            continue
        found.sort(key=lambda group: _name(group[0].run))
        groups = [group for group in (comparison.small, comparison.large, *found) if group]
        members = [each for group in groups for each in group]
        protocols = [common_protocol(members, subspace_dim=dimension) for dimension in _SPACES]
        for group in comparable(groups, *protocols):
            run = group[0].run
            cells = (comparison.where, run.regime, _name(run), *fit(group),
                     *(mean(values(group, *each)) for each in itertools.product(protocols, EPSILONS.values())),
                     _cost(group, comparison.large))
            lines.append(ListingLine(cells, tuple(each.name for each in group)))
    return _without_empty_columns(headings, lines)


@answers.joined
def answer(store):
    """Yields by how much each remedy changes LB's sharpness and test accuracy, in the trials that have both."""
    for comparison in comparisons(store.runs):
        if not comparison.large:
            continue
        plain = {each.run.trial: each for each in comparison.large}
        found = sorted(variants(store.runs, comparison, "remedy", "jit_compile"), key=lambda group: _name(group[0].run))
        protocol = common_protocol([*comparison.large, *(each for group in found for each in group)])
        parts = []
        for group in found:
            pairs = [(each, plain[each.run.trial]) for each in group if each.run.trial in plain]
            pairs = [pair for pair in pairs if all(sharpness_of(run, protocol) for run in pair)]
            sharpness = [tuple(sharpness_of(run, protocol) for run in pair) for pair in pairs]
            if pairs:
                gains = [test_accuracy(remedied_run) - test_accuracy(run) for remedied_run, run in pairs]
                gain = answers.difference(gains, "points", resolution=answers.one_example(pairs[0][0]))
                losses = [answers.significant(fmean(run.metrics["train_loss"] for run in side)) for side in zip(*pairs)]
                parts.append(f"× {answers.ratio(sharpness)} and {gain} with {_name(group[0].run)} "
                             f"(f = {' instead of '.join(losses)})")
        if parts:
            where = measured_place(comparison.large, protocol, comparison.where)
            yield (f"{where}: relative to LB without a remedy, the sharpness and the test accuracy of LB "
                   f"change by {'; '.join(parts)}.")


def _name(run):
    return run.remedy.label if run.remedy else "none"


def _without_empty_columns(headings, lines):
    kept = [index for index in range(len(headings)) if any(line.cells[index] is not None for line in lines)]
    return tuple(headings[index] for index in kept), [
        ListingLine(tuple(line.cells[index] for index in kept), line.runs) for line in lines]


def _cost(group, plain):
    """Returns the gradients that a group took relative to plain LB in the same trials; None if that is not known."""
    known = {each.run.trial: each.gradients for each in plain}
    numbers = [(each.gradients, known.get(each.run.trial)) for each in group]
    if any(None in pair for pair in numbers):
        return None
    return fmean(own for own, _ in numbers) / fmean(reference for _, reference in numbers)


def with_remedies(preset, small, large):
    """Returns LB with each remedy of a preset that its network admits, for an SB and an LB run."""
    sizes = min(small.batch_size, large.batch_size), large.batch_size
    kinds = [kind for name, kind in REMEDIES.items() if name in (preset.remedies or REMEDIES)]
    return [remedied(large, remedy) for kind in kinds if kind.admits(NETWORKS[large.network])
            for remedy in kind.listed(*sizes)[:preset.remedy_variants]]


REMEDY_LISTING = Listing(
    name="remedies", place="Section 4, appendix E", title="Remedies for large batches",
    caption=(
        "Which remedy brings LB to SB’s test accuracy, at which cost, and are its minimizers flat? The paper found "
        "augmentation and conservative training to help the accuracy, at minimizers that are mostly less sharp than "
        "LB’s and far sharper than SB’s; it found no gain in adversarial and stability training, and left dynamic "
        "sampling open. Sharpness-aware minimization (sam, with a perturbation for each m examples), ghost "
        "normalization and the scaling of the learning rate are not in the paper. A remedy that ends at a higher "
        "training loss f may be flat for that reason. Conservative training with "
        "penalty 0 makes as many updates without its proximal term. Means over the trials that all lines have, if any; "
        "a gradient is that of one example."),
    needs=needs, listing=listing, answer=answer)
