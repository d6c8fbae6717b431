"""Runs the replication, or a part of it, and makes the report.

    python -m replication.reproduce --preset=quick
    python -m replication.reproduce --preset=paper --networks=F1 --trials=1 --data_dir=DIR
    python -m replication.reproduce --preset=paper --jobs=4 --data_dir=DIR
"""

from absl import logging

import flags.data
import flags.export
import flags.reproduction
import flags.workdir
from replication import entry, records
from replication.errors import UserError, collect
from replication.records import damage
from replication.report import Report, headline


def main(argv):
    """Prints what will run and for how long, runs what is missing on disk, and draws everything."""
    executor = flags.reproduction.executor()
    tasks, parts = flags.reproduction.tasks(flags.reproduction.setup(entry.resolve_jit_compile))
    dry_run, path = flags.reproduction.DRY_RUN.value, flags.workdir.path()
    remake_damaged = flags.reproduction.remake_damaged()
    from replication import execution

    processes = execution.divide_processors(tasks, records.Workdir(path), executor=executor)
    if not dry_run:
        # What is damaged counts as done until it is set aside.
        execution.check(tasks, None if remake_damaged else records.Workdir(path), executor=executor,
                        data_dir=flags.data.DATA_DIR.value)
    workdir = records.Workdir(path) if dry_run else records.Workdir.create(path)
    if remake_damaged:
        damage.set_aside(workdir)
    resolve, throughput = flags.data.resolve, execution.Throughput(workdir)
    left = execution.estimate(tasks, workdir, resolve, throughput=throughput)
    print(execution.overview(left, processes), flush=True)
    if dry_run:
        return
    progress = execution.Progress(tasks, [
        execution.seconds(task, workdir, resolve, throughput=throughput) for task in tasks], parts,
        processes=processes)
    report = Report(workdir)
    completed = announced = False

    def end(number):
        nonlocal completed
        completed |= progress.end(number)

    def draw():
        nonlocal completed, announced
        if not completed:
            return
        completed = False
        try:
            lines = headline(report.draw())
        except (OSError, UserError) as error:
            # The work goes on; what is wrong is told when everything is drawn at the end.
            logging.warning("%s", error)
            return
        if lines and not announced:
            announced = True
            progress.write(f"page: {workdir.page}, which grows with each experiment\n{lines}")

    problems = execution.execute(tasks, workdir, executor=executor, data_dir=flags.data.DATA_DIR.value,
                                 begin=progress.begin, end=end, meanwhile=draw)
    progress.close()
    if flags.export.EXPORT_KERAS.value:
        from replication.weights import export_keras

        sound, _ = workdir.runs()
        _, refused = collect(export_keras, [record for record in sound if record.final_weights.exists()])
        problems += refused
    problems += report.draw().problems
    print(f"report: {workdir.page}")
    entry.report_problems(problems)


if __name__ == "__main__":
    entry.run(main)
