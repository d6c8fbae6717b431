"""Trials of a network as the paper would have found them, and the report that is made of them."""

import functools

import numpy as np

from replication import catalog, experiments, paper, statistics
from replication.experiments.base import Row
from replication.report import decisions, verdicts

TABLES = {number: experiments.tables()[number] for number in (2, 3, 4)}
# Deviates with the mean 0 and the sample deviation 1, and the same in another order.
_EVEN = np.array([-1.2649, -0.6325, 0, 0.6325, 1.2649])
_ORDER = [2, 4, 1, 0, 3]


def values(network, *, number=2, trials=5, generator=None):
    """Returns trials of a network in a table, {column: {trial: float}}.

    Args:
        network: Its name.
        number: The table's.
        trials: Their number.
        generator: Draws from normal (accuracies, rounded to a test example) or log-normal distributions (sharpness)
            with the paper's means and deviations; None gives five trials that have exactly the paper's.
    """
    found = {}
    for column in TABLES[number].columns:
        mean, deviation, transform = _distribution(number, network, column)
        if generator is None:
            drawn = mean + deviation * (_EVEN if column.regime == "SB" else _EVEN[_ORDER])
        else:
            drawn = generator.normal(mean, deviation, trials)
        found[column.name] = dict(enumerate(map(float, transform(drawn))))
    return found


def judged(copies, *, dataset=None):
    """Returns the entries of a report.

    Args:
        copies: The values of each network by table, {network: {number: {column: {trial: float}}}}.
        dataset: The data set of its runs; None for the paper's.
    """
    rows = {number: [Row(network, dataset or catalog.NETWORKS[network].dataset, "", found[number])
                     for network, found in copies.items() if number in found] for number in TABLES}
    endpoints = decisions.number_of_endpoints(rows)
    return [entry for number, table in TABLES.items()
            for entry in verdicts.judge(table, rows[number], paper.table(number), endpoints=endpoints)]


def copy(network, **options):
    """Returns the `values` of a network in tables 2 to 4, by table."""
    return {number: values(network, number=number, **options) for number in TABLES}


@functools.cache
def _distribution(number, network, column):
    printed = paper.table(number)[network][column.name]
    if column.kind == "accuracy":
        return printed.mean, printed.deviation, lambda drawn: np.minimum(np.round(drawn, 2), 100)
    logarithm = statistics.logarithm(statistics.at_least(printed, paper.ROUNDING))
    return logarithm.mean, logarithm.deviation, np.exp
