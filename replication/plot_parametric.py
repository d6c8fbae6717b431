"""Evaluates f and accuracy along the path between SB and LB minimizers, and draws figures 3 and 7.

    python -m replication.plot_parametric --workdir=work --network=F1
"""

import flags.data
import flags.landscape
import flags.workdir
from replication import entry, records
from replication.errors import UserError
from replication.report import make_report


def main(argv):
    """Evaluates the paths that the flags ask for and prints the paths of their records and of the figures."""
    path, network = flags.landscape.path(), flags.landscape.NETWORK.value
    workdir = records.Workdir.open(flags.workdir.path())
    sound, damaged = workdir.runs(checksums=False)
    sound = [record for record in sound if network in (None, record.configuration.network)]
    from replication import data, landscape
    from replication.execution.measurement import measure_between

    pairs = landscape.pairs(sound)
    if not pairs:
        entry.report_problems(damaged)
        raise UserError(f"--workdir={flags.workdir.path()}: holds no SB and LB run that differ in nothing but the "
                        "batch size; train both first")
    problems = []
    for pair in pairs:
        runs = [record.configuration for record in pair]
        try:
            dataset = (None if workdir.measurement(path, *runs).exists()
                       else data.load(runs[0].dataset, flags.data.DATA_DIR.value))
            print(measure_between(workdir, path, pair, dataset=dataset))
        except UserError as error:
            problems.append(str(error))
    problems += make_report(workdir)
    print(workdir.figures)
    entry.report_problems(problems)


if __name__ == "__main__":
    entry.run(main)
