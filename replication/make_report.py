"""Draws all tables, figures and the report of a workdir from its records alone.

    python -m replication.make_report --workdir=work
"""

from absl import flags

from flags import workdir as workdir_flags
from replication import entry, records
from replication.report import make_report

# `--help` lists the flags of this script, wherever they are defined.
flags.adopt_module_key_flags(workdir_flags)


def main(argv):
    """Draws everything and prints where the page is; damaged records are reported at the end."""
    del argv
    workdir = records.Workdir.open(workdir_flags.path())
    problems = make_report(workdir)
    print(workdir.page)
    entry.report_problems(problems)


if __name__ == "__main__":
    entry.run(main)
