"""Runs the replication, or a part of it, and makes the report.

    python -m replication.reproduce --preset=quick
    python -m replication.reproduce --preset=paper --networks=F1 --trials=1 --data_dir=DIR
    python -m replication.reproduce --preset=paper --jobs=4 --data_dir=DIR
"""

import flags.data
import flags.reproduction
import flags.workdir
from replication import entry, records
from replication.records import damage
from replication.report import make_report


def main(argv):
    """Prints what will run and for how long, runs what is missing on disk, and draws everything."""
    executor = flags.reproduction.executor()
    tasks = flags.reproduction.tasks(flags.reproduction.setup(entry.resolve_jit_compile))
    dry_run, path = flags.reproduction.DRY_RUN.value, flags.workdir.path()
    remake_damaged = flags.reproduction.remake_damaged()
    from replication import execution

    if not dry_run:
        execution.check(executor)
    workdir = records.Workdir(path) if dry_run else records.Workdir.create(path)
    if remake_damaged:
        damage.set_aside(workdir)
    resolve, throughput = flags.data.resolve, execution.Throughput(workdir)
    print(execution.overview(execution.estimate(tasks, workdir, resolve, throughput=throughput)), flush=True)
    if dry_run:
        return
    progress = execution.Progress(tasks, [
        execution.seconds(task, workdir, resolve, throughput=throughput) for task in tasks])
    problems = execution.execute(tasks, workdir, executor=executor, data_dir=flags.data.DATA_DIR.value,
                                 begin=progress.begin)
    progress.end()
    problems += make_report(workdir)
    print(f"report: {workdir.page}")
    entry.report_problems(problems)


if __name__ == "__main__":
    entry.run(main)
