"""Prints our tables beside the paper's, with a verdict for each entry, and what they decide.

    python -m replication.verify --workdir=work --tables=2,3,4,6,7

The exit code is 0 if, for every network with plain runs on the paper's data, every gate holds and every endpoint is
decided in favour of the paper; 2 if one is decided against; 3 if none is, but one is undecided or missing, or if there
is nothing to judge; and 1 on an error. docs/verdicts.md has the rule.
"""

import flags.report
import flags.workdir
from replication import entry, experiments, records
from replication.catalog import dataset_label
from replication.errors import UserError
from replication.report import decisions, tables, verify


def main(argv):
    """Compares the tables, prints those asked for and returns the exit code."""
    numbers, networks = flags.report.tables(), flags.report.networks()
    entries, problems = verify(records.Workdir.open(flags.workdir.path()))
    if not any(item.dataset for item in entries):
        if not problems:
            raise UserError(f"--workdir={flags.workdir.path()}: holds no finished run to compare")
        entry.report_problems(problems)
    entries = [item for item in entries if item.network in (networks or [item.network])]
    for number in numbers:
        shown = [item for item in entries if item.table == number]
        print(f"Table {number}. {experiments.tables()[number].title}. {tables.note_of(shown)}\n")
        print(tables.comparison(shown) + "\n")
    found = decisions.checks(entries)
    print(tables.decision(found))
    _print_rest(entries)
    entry.report_problems(problems)
    return decisions.exit_code(found)


def _print_rest(entries):
    present = {item.network for item in entries if item.dataset}
    if absent := [network for network in dict.fromkeys(item.network for item in entries) if network not in present]:
        print(f"No runs of {', '.join(absent)}: their entries are missing.")
    for item in entries:
        if item.dataset and getattr(item.paper, "doubt", ""):
            print(f"Table {item.table}, {item.network}, {item.heading}: {item.paper.doubt}.")
    if elsewhere := sorted({dataset_label(item.dataset) for item in entries if item.on_other_data}):
        print(f"On {', '.join(elsewhere)}, not the paper's data, only directions are judged.")


if __name__ == "__main__":
    entry.run(main)
