"""Prints our tables beside the paper's, with a verdict for each entry.

    python -m replication.verify --workdir=work --tables=2,3,4,6,7

The exit code is 0 if no verdict is `not replicated`, 2 if one is, and 1 on an error.
"""

import flags.report
import flags.workdir
from replication import entry, experiments, records
from replication.errors import UserError
from replication.report import tables, verdicts, verify

EXIT_NOT_REPLICATED = 2


def main(argv):
    """Compares the tables asked for and returns the exit code."""
    numbers = flags.report.tables()
    entries, problems = verify(records.Workdir.open(flags.workdir.path()), numbers)
    if not any(item.dataset for item in entries):
        if not problems:
            raise UserError(f"--workdir={flags.workdir.path()}: holds no finished run to compare")
        entry.report_problems(problems)
    for number in numbers:
        print(f"Table {number}. {experiments.tables()[number].title}. {tables.NOTE}\n")
        print(tables.comparison([item for item in entries if item.table == number]) + "\n")
    _print_summary(entries)
    entry.report_problems(problems)
    return EXIT_NOT_REPLICATED if verdicts.count(entries)[verdicts.NOT_REPLICATED] else 0


def _print_summary(entries):
    present = {item.network for item in entries if item.dataset}
    if absent := [network for network in dict.fromkeys(item.network for item in entries) if network not in present]:
        print(f"No runs of {', '.join(absent)}: their entries are missing.")
    if elsewhere := sorted({item.dataset for item in entries if verdicts.judged_by_direction(item)}):
        print(f"On {', '.join(elsewhere)}, not the paper's data, directions only are judged.")
    print(", ".join(f"{number} {verdict}" for verdict, number in verdicts.count(entries).items()))


if __name__ == "__main__":
    entry.run(main)
