"""Searches for hyperparameters of one network; the test set is not touched.

    python -m replication.tune --network=F1 --dataset=digits --tuner=bayesian --max_trials=20 --workdir=work
    python -m replication.tune --network=F1 --dataset=digits --objective=val_accuracy --max_sharpness=20
"""

import os
import shlex
import subprocess

import tabulate

import flags.data
import flags.tuning
import flags.workdir
from replication import entry, records
from replication.errors import UserError
from replication.experiments import tuning
from replication.store import Search


def main(argv):
    """Runs the search that the flags describe, or the rest of it, and prints its trials, the best first."""
    search = flags.tuning.search(entry.resolve_jit_compile)
    workdir = records.Workdir.create(flags.workdir.path())
    from replication.tuning import tune

    record = tune(search, workdir, data_dir=flags.data.DATA_DIR.value, verbose=1)
    found = Search(record.configuration, record.config)
    print(tabulate.tabulate([cells[1:] for cells in tuning.rows(found)], headers=tuning.HEADINGS[1:], floatfmt=".4g"))
    print(f"search: {record.folder / 'search.json'}")
    if not found.finished:
        raise UserError(f"{record.folder}: no trial has finished; search.json tells why each one failed")
    best = next(each for each in record.config["trials"] if each["trial"] == record.config["best"])
    words = "the best" if best["admissible"] else (
        f"no trial has a sharpness of at most {search.max_sharpness:g}; the flattest")
    join = subprocess.list2cmdline if os.name == "nt" else shlex.join
    options = [f"--config={record.best}", f"--workdir={flags.workdir.path()}"]
    if flags.data.DATA_DIR.value is not None:
        options.append(f"--data_dir={flags.data.DATA_DIR.value}")
    print(f"{words} on the whole training set: {join(['python', '-m', 'replication.train', *options])}")


if __name__ == "__main__":
    entry.run(main)
