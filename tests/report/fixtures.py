"""Plausible records, written as the training and the measurements write them."""

import dataclasses

import numpy as np

from replication import configuration, files, records
from replication.configuration import Path, Sharpness

# Per regime: training accuracy, test accuracy (shares), f, distance from x_0, and sharpness by (p, epsilon).
LEVELS = {
    "SB": (0.9969, 0.9804, 8e-3, 48.0,
           {(0, 1e-3): 2.55, (0, 5e-4): 0.77, (100, 1e-3): 0.155, (100, 5e-4): 0.07}),
    "LB": (0.9999, 0.9782, 1e-3, 11.0,
           {(0, 1e-3): 323.0, (0, 5e-4): 61.0, (100, 1e-3): 2.26, (100, 5e-4): 0.54}),
}
VERSIONS = {"python": "3.12.1", "tensorflow": "2.21.0", "keras": "3.15.0"}


def paper_run(regime, trial, *, network="F1"):
    """A run of the paper's set-up."""
    return configuration.PRESETS["paper"].run(network, regime, trial, jit_compile=False)


def quick_run(regime, trial):
    """A run of the quick set-up, on digits."""
    return configuration.PRESETS["quick"].run("F1", regime, trial, jit_compile=False)


def write_run(workdir, run, *, fingerprint="f00d", **changes):
    """Writes a finished run; `changes` replace fields of its result. Returns the `RunRecord`."""
    record = workdir.run(run)
    train, test, loss, distance, _ = LEVELS[run.regime]
    noise = 3e-4 * (run.trial - 1)
    figures = {"train_loss": loss, "train_accuracy": train, "test_loss": 0.1, "test_accuracy": test + noise}
    moving = {**figures, "test_accuracy": test - 0.001}
    data = configuration.DATASETS[run.dataset]
    record.start({
        "configuration": run.to_json(),
        "data": {"name": run.dataset, "fingerprint": fingerprint, "training_size": data.training_size or 34_950,
                 "test_size": data.test_size or 15_050},
        "versions": VERSIONS, "machine": {"system": "Linux", "processors": 2, "devices": ["CPU"]},
    })
    record.write_history([
        {"epoch": epoch, "loss": 1 / epoch, "accuracy": 0.9, "val_loss": 0.2, "val_accuracy": 0.9,
         "seconds": 1.5}
        for epoch in (1, 2)])
    record.initial_weights.write_bytes(b"x0")
    record.final_weights.write_bytes(run.name.encode())
    record.finish({
        "epochs": 2, "stop": "the training loss ceased to improve", "batch": figures, "moving": moving,
        "distance_from_start": distance + run.trial, "parameters": 1462794, "seconds": 3.0, **changes})
    return record


def write_measurement(record, choices, sharpness, **changes):
    """Writes a measurement of a run; `changes` replace fields of its file."""
    starts = choices.starts
    content = {
        "sharpness": sharpness, "loss": 1e-3, "max_loss": 1e-3 + sharpness / 100, "evaluations": 13 * starts,
        "status": "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT", "configuration": choices.to_json(),
        "parameters": 1462794, "at_bound": 0.84, "start_max_losses": [1e-3 + sharpness / 100] * starts,
        "scale": [125000.0] * starts, "check": {"directional": 1.0, "difference": 1.0},
        "seconds": {"total": 31.2, "objective": 26.0, "solver": 4.9, "setup": 0.3}, "versions": VERSIONS,
        "weights_checksum": record.result["checksums"]["final.weights.h5"],
    }
    files.write_json(record.measurement(choices), {**content, **changes})


def write_measurements(record, **choices):
    """Writes the four measurements of tables 3 and 4."""
    run = record.configuration
    for (dimension, epsilon), level in LEVELS[run.regime][4].items():
        write_measurement(
            record, Sharpness(epsilon=epsilon, subspace_dim=dimension, seed=run.trial, **choices),
            level * (1 + 0.1 * run.trial))


def write_path(workdir, small, large, **changes):
    """Writes a linear path between two runs; the valley at alpha = 1 is narrower than that at 0."""
    path = Path()
    run = small.configuration
    alpha = np.linspace(path.start, path.stop, path.points)
    loss = 1e-3 + 3 * (1 - np.exp(-alpha**2)) * (1 - np.exp(-9 * (alpha - 1)**2))
    accuracy = np.exp(-loss / 4)
    files.write_json(workdir.path_record(path, small, large), {
        "configuration": path.to_json(), "network": run.network, "trial": run.trial, "dataset": run.dataset,
        "small_batch": small.name, "large_batch": large.name, "alpha": alpha.tolist(),
        "train_loss": loss.tolist(), "train_accuracy": accuracy.tolist(),
        "test_loss": (loss + 0.08).tolist(), "test_accuracy": (accuracy - 0.02).tolist(),
        "versions": VERSIONS, "seconds": 4.0, **changes,
    })


def write_replication(path, *, make_run=paper_run, trials=3):
    """A workdir with everything that the tables and figures need. Returns the `records.Workdir`."""
    workdir = records.Workdir.create(path)
    for trial in range(trials):
        small, large = (write_run(workdir, make_run(regime, trial)) for regime in ("SB", "LB"))
        write_measurements(small)
        write_measurements(large)
        if trial == 0:
            write_path(workdir, small, large)
    return workdir


def other(run, **changes):
    """The same run with some choices replaced."""
    return dataclasses.replace(run, **changes)
