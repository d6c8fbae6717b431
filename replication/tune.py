"""Searches for hyperparameters of one network; the test set is not touched.

    python -m replication.tune --network=F1 --dataset=digits --tuner=bayesian --max_trials=20 --workdir=work
    python -m replication.tune --network=F1 --dataset=digits --objective=val_accuracy --max_sharpness=20
"""

import tabulate

import flags.data
import flags.tuning
import flags.workdir
from replication import entry, records
from replication.errors import UserError


def main(argv):
    """Runs the search that the flags describe, or the rest of it, and prints its trials, the best first."""
    search = flags.tuning.search(entry.resolve_jit_compile)
    workdir = records.Workdir.create(flags.workdir.path())
    from replication.tuning import tune

    record = tune(search, workdir, data_dir=flags.data.DATA_DIR.value, verbose=1)
    trials = record.config["trials"]
    finished = [trial for trial in trials if trial["status"] == "finished"]
    finished.sort(key=lambda trial: trial["score"], reverse=search.direction == "max")
    others = [trial for trial in trials if trial["status"] != "finished"]
    print(tabulate.tabulate([_row(trial) for trial in finished + others], headers="keys", floatfmt=".4g"))
    print(f"search: {record.folder / 'search.json'}")
    if not finished:
        raise UserError(f"{record.folder}: no trial has finished; search.json tells why each one failed")
    print(f"the best on the whole training set: python -m replication.train --config={record.best} "
          f"--workdir={flags.workdir.path()}")


def _row(trial):
    hyperparameters = ", ".join(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
                                for name, value in trial["hyperparameters"].items())
    within = {True: "", False: "beyond the bound"}.get(trial.get("admissible"), trial["status"])
    return {"trial": trial["trial"], "validation accuracy": trial.get("val_accuracy"),
            "validation loss": trial.get("val_loss"), "sharpness": trial.get("sharpness"),
            "epochs": trial.get("epochs"), "": within, "hyperparameters": hyperparameters}


if __name__ == "__main__":
    entry.run(main)
