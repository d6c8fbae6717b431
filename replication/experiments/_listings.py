"""What `optimizers` and `remedies` share: LB trained otherwise, beside plain SB and LB."""

from statistics import fmean

from replication.catalog import dataset_label
from replication.experiments import EPSILON_LABELS, EPSILONS, ListingLine
from replication.experiments._sharpness import common_way, values

SPACES = {0: "full space", 100: "subspace"}


def headings(title, spaces):
    """The headings of the lines that `beside_plain` makes.

    Args:
        title: Heading of what LB's variants differ in.
        spaces: Keys of SPACES.
    """
    sharpness = [f"sharpness, {SPACES[dimension]}, {label} (%)"
                 for dimension in spaces for label in EPSILON_LABELS.values()]
    return ("network", "regime", title, "trials", "test accuracy (%)", *sharpness, "gradients, × those of plain LB")


def beside_plain(store, name, *, without, spaces):
    """A line for plain SB and LB and each way in which LB was trained otherwise: means over the trials.

    Args:
        store: A `report.store.Store`.
        name: Function from a `configuration.Run` to what stands in the third column.
        without: The fields of the configuration in which the variants of LB differ from plain LB.
        spaces: As in `headings`.
    """
    lines = []
    for comparison in store.comparisons():
        variants = store.variants(comparison, *without) if comparison.large else []
        if not variants:
            continue
        variants.sort(key=lambda group: name(group[0].run))
        groups = [group for group in (comparison.small, comparison.large, *variants) if group]
        members = [minimizer for group in groups for minimizer in group]
        measured = [(common_way(members, subspace_dim=dimension), epsilon)
                    for dimension in spaces for epsilon in EPSILONS.values()]
        where = f"{comparison.network} on {dataset_label(comparison.dataset)}"
        where = f"{where} ({comparison.label})" if comparison.label else where
        for group in groups:
            run = group[0].run
            cells = (where, run.regime, name(run), str(len(group)),
                     fmean(100 * minimizer.figures["test_accuracy"] for minimizer in group),
                     *(_mean(values(group, way, epsilon)) for way, epsilon in measured),
                     _cost(group, comparison.large))
            lines.append(ListingLine(cells, tuple(minimizer.name for minimizer in group)))
    return lines


def _mean(numbers):
    return fmean(numbers) if numbers else None


def _cost(group, plain):
    """Gradient evaluations of a group relative to plain LB's, None where a record does not tell them."""
    numbers = [[minimizer.gradients for minimizer in each] for each in (group, plain)]
    if any(number is None for each in numbers for number in each):
        return None
    return fmean(numbers[0]) / fmean(numbers[1])
