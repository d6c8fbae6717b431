"""Runs the replication, or a part of it, and makes the report.

    python -m replication.reproduce --preset=quick
    python -m replication.reproduce --preset=paper --networks=F1 --trials=1 --data_dir=DIR
"""

import flags.data
import flags.reproduction
import flags.workdir
from replication import entry, experiments, records
from replication.report import make_report


def main(argv):
    """Runs what is missing on disk, draws everything, and prints where the page is."""
    chosen = flags.reproduction.chosen_experiments()
    setup = flags.reproduction.setup(entry.resolve_jit_compile, entry.describe(flags.data.DATA_DIR.value))
    workdir = records.Workdir.create(flags.workdir.path())
    needs = experiments.merge(experiment.needs(setup) for experiment in chosen)
    from replication.execution import execute

    problems = execute(needs, workdir, data_dir=flags.data.DATA_DIR.value, verbose=entry.progress())
    problems += make_report(workdir)
    print(f"report: {workdir.page}")
    entry.report_problems(problems)


if __name__ == "__main__":
    entry.run(main)
