"""The paper's numbers: the only reader of paper_values.json."""

import functools
import pathlib

from replication import files
from replication.report.summary import Summary

TRIALS = 5
URL = "https://arxiv.org/abs/1609.04836"
_FILE = pathlib.Path(__file__).parents[1] / "paper_values.json"


def source():
    """The paper's reference."""
    return _content()["source"]


def table(number):
    """The paper's values of a table.

    Args:
        number: The table's number.

    Returns:
        {network: {column: `Summary` over the paper's five trials}}, in the paper's order.
    """
    content = _content()[f"table{number}"]
    return {
        network: {column: Summary(mean, deviation, TRIALS)
                  for column, (mean, deviation) in zip(content["columns"], entries)}
        for network, entries in content.items() if network != "columns"
    }


@functools.cache
def _content():
    return files.read_json(_FILE)
