"""Draws all tables, figures and the report of a workdir from its records alone.

    python -m replication.make_report --workdir=work
"""

import flags.workdir
from replication import entry, records
from replication.report import make_report


def main(argv):
    """Draws everything and prints the path of the page; damaged records are reported at the end."""
    workdir = records.Workdir.open(flags.workdir.path())
    problems = make_report(workdir)
    print(workdir.page)
    entry.report_problems(problems)


if __name__ == "__main__":
    entry.run(main)
