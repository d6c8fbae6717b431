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
    """Evaluates the paths that the flags ask for and prints where they and the figures are."""
    path, network = flags.landscape.path(), flags.landscape.network()
    workdir = records.Workdir.open(flags.workdir.path())
    sound, damaged = workdir.runs(checksums=False)
    sound = [record for record in sound if network in (None, record.configuration.network)]
    from replication import data, landscape

    pairs = landscape.pairs(sound)
    if not pairs:
        entry.report_problems(damaged)
        raise UserError(f"--workdir={flags.workdir.path()}: holds no SB and LB run of the same network and trial; "
                        "train both first")
    problems = []
    for small_batch, large_batch in pairs:
        dataset = data.load(small_batch.configuration.dataset, flags.data.DATA_DIR.value)
        try:
            print(landscape.measure_path(workdir, path, small_batch, large_batch, dataset))
        except UserError as error:
            problems.append(str(error))
    problems += make_report(workdir)
    print(workdir.figures)
    entry.report_problems(problems)


if __name__ == "__main__":
    entry.run(main)
