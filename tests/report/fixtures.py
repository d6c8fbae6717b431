"""Plausible records, written as the training and the measurements write them."""

import dataclasses

import numpy as np

from replication import catalog, experiments, files, records
from replication.configuration import Measure, Path, Run, Search, Sharpness, Steepness, presets
from replication.configuration.tasks import measured_epochs, merge, scheduled_epochs

# Per regime: training accuracy, test accuracy (shares), f, distance from x_0, and sharpness by (p, epsilon).
LEVELS = {
    "SB": (0.9969, 0.9804, 8e-3, 48.0,
           {(0, 1e-3): 2.55, (0, 5e-4): 0.77, (100, 1e-3): 0.155, (100, 5e-4): 0.07}),
    "LB": (0.9999, 0.9782, 1e-3, 11.0,
           {(0, 1e-3): 323.0, (0, 5e-4): 61.0, (100, 1e-3): 9.26, (100, 5e-4): 2.14}),
}
# Between the two: figure 4's batch sizes, LB after a warm start.
LEVELS["grid"] = (0.998, 0.979, 3e-3, 25.0,
                  {(0, 1e-3): 30.0, (0, 5e-4): 7.0, (100, 1e-3): 0.6, (100, 5e-4): 0.2})
EPOCHS = 12
STOPPED = {"ceased": 12, "accuracy": 7, "epochs": 9}
VERSIONS = {"python": "3.12.1", "tensorflow": "2.21.0", "keras": "3.15.0"}


def paper_run(regime, trial, *, network="F1"):
    """A run of the paper's set-up."""
    return presets.PRESETS["paper"].run(network, regime, trial, jit_compile=False)


def quick_run(regime, trial, *, network="F1"):
    """A run of the quick set-up, on digits."""
    return presets.PRESETS["quick"].run(network, regime, trial, jit_compile=False)


def free_run(regime, trial, **choices):
    """A run on data of no preset, where the batch size and the epochs are free."""
    return Run(**{"network": "F1", "regime": regime, "trial": trial, "dataset": "digits",
                  "batch_size": 256 if regime == "SB" else 719, **choices})


def tasks_of(name):
    """Returns what the experiments that a preset makes need."""
    preset = presets.PRESETS[name]
    setup = experiments.Setup(preset=preset, networks=preset.networks, trials=preset.trials,
                              jit_compile=lambda network: False)
    return merge(task for name in experiments.names() if name not in preset.left_out
                 for task in experiments.get(name).needs(setup))


def write_tasks(workdir, tasks):
    """Writes the records of some tasks, as `merge` gives them, as if they had been carried out."""
    for task in tasks:
        if not isinstance(task, Measure):
            changes = {"stops": STOPPED, "target_reached": 7} if task.run.min_epochs else {}
            if task.run.stop == "loss":
                accuracy = 0.97 + 1e-5 * task.run.batch_size - 5 * task.run.learning_rate**2 * task.run.kernel_scale
                changes = {"stop": "the training loss reached 0.01", "batch": {
                    "train_loss": 0.01, "train_accuracy": 0.999, "test_loss": 0.1, "test_accuracy": accuracy}}
            record = write_run(workdir, task.run, **changes)
            for epoch in scheduled_epochs(task.keep, EPOCHS, record.stops):
                write_iterate(record, epoch)
            continue
        for choices in task.choices:
            _write_measured(workdir, task, choices)


def _write_measured(workdir, task, choices):
    record = workdir.run(task.run)
    if task.kind == "paths":
        write_path(workdir, *map(workdir.run, task.runs), path=choices)
    elif task.kind == "steepness":
        write_steepness(record, choices)
    elif task.kind == "reparametrization":
        write_reparametrization(workdir, *map(workdir.run, task.runs), choices=choices)
    elif choices.KIND != "sharpness":
        points = [record] if task.at is None else [
            record.iterate(epoch) for epoch in measured_epochs(task.at, EPOCHS, record.stops)]
        for point in points:
            write_other(point, task.run, choices)
    elif task.at is None:
        write_measurement(record, choices, level(task.run, choices))
    else:
        for iterate in (record.iterate(epoch) for epoch in measured_epochs(task.at, EPOCHS, record.stops)):
            write_measurement(iterate, choices, level(task.run, choices) / (4 - iterate.epoch / 4),
                              loss=1 / iterate.epoch**2 if iterate.epoch else 2.3, weights_checksum=iterate.checksum)


def write_search(workdir, *, trials=4, **choices):
    """Writes a search whose trials are the flatter the less accurate; its last one has failed. Returns its choices."""
    search = Search(**{"network": "F1", "dataset": "digits", "max_sharpness": 20.0, "max_trials": trials, **choices})
    finished = [{"trial": str(number), "status": "finished",
                 "hyperparameters": {"optimizer": "adam", "learning_rate": 0.1},
                 "run": f"F1-grid-trial0-{number:08x}", "score": search.score(0.9 + number / 100, 8.0 * (number + 1)),
                 "val_accuracy": 0.9 + number / 100, "val_loss": 0.5, "sharpness": 8.0 * (number + 1), "epochs": 20,
                 "gradients": 100, "seconds": 1.0, "admissible": search.is_admissible(8.0 * (number + 1))}
                for number in range(trials - 1)]
    failed = {"trial": str(trials - 1), "status": "failed", "hyperparameters": {"optimizer": "sgd"}, "reason": "nan"}
    workdir.search(search).write({
        "configuration": search.to_json(), "measurement": search.measurement.to_json(), "data": {"name": "digits"},
        "versions": VERSIONS, "machine": {}, "space": [], "trials": [*finished, failed], "best": "1"}, None)
    return search


def level(run, choices):
    """A plausible sharpness, of a run of the study of choices by its batch size."""
    regime = ("LB" if run.batch_size > 1000 else "SB") if run.min_epochs else run.regime
    known = LEVELS[regime][4]
    value = known.get((choices.subspace_dim, choices.epsilon), known[0, 1e-3]) * (1 + 0.1 * run.trial)
    value *= {"scaled": 1, "scipy": 0.5}[choices.solver] * {"he_uniform": 0.25}.get(run.kernel_initializer, 1)
    value *= (1 + 0.01 * choices.partition) * (0.3 if choices.normalize == "layers" else 1) / run.kernel_scale
    return value / (1 + (run.start.epoch or 20)) if run.start else value


def write_run(workdir, run, *, fingerprint="f00d", **changes):
    """Writes a finished run; `changes` replace fields of its result. Returns the `RunRecord`."""
    record = workdir.run(run)
    train, test, loss, distance, _ = LEVELS[run.regime]
    noise = 3e-4 * (run.trial - 1)
    if run.start:
        test += 2e-4 * (run.start.epoch or 20)
    figures = {"train_loss": loss, "train_accuracy": train, "test_loss": 0.1, "test_accuracy": test + noise}
    moving = {**figures, "test_accuracy": test - 0.001}
    data = catalog.DATASETS[run.dataset]
    record.start({
        "configuration": run.to_json(),
        "data": {"name": run.dataset, "fingerprint": fingerprint, "training_size": data.training_size or 34_950,
                 "test_size": data.test_size or 15_050},
        "versions": VERSIONS, "machine": {"system": "Linux", "processors": 2, "devices": ["CPU"]},
    })
    record.write_history([
        {"epoch": epoch, "loss": 1 / epoch, "accuracy": train - 0.2 / epoch**2, "val_loss": 0.2,
         "val_accuracy": test - 0.1 / epoch**2, "seconds": 1.5,
         **({} if run.target_accuracy is None else {"train_accuracy": train - 0.1 / epoch**2}),
         **({} if run.target_loss is None else {"train_accuracy": train, "train_loss": 1 / epoch})}
        for epoch in range(1, EPOCHS + 1)])
    begins = ("x0" if not run.start or run.start.epoch == 0 else
              run.start.run if run.start.epoch is None else f"{run.start.run} {run.start.epoch}")
    record.initial_weights.write_bytes(begins.encode())
    record.final_weights.write_bytes(run.name.encode())
    record.finish({
        "epochs": EPOCHS, "stop": "the training loss ceased to improve", "batch": figures, "moving": moving,
        "distance_from_start": distance + run.trial, "parameters": 1462794, "seconds": 3.0,
        "gradients": EPOCHS * (data.training_size or 34_950) * (3 if run.remedy else 1), **changes})
    return record


def write_iterate(record, epoch):
    """Writes a kept iterate of a run. Returns the `IterateRecord`."""
    iterate = record.iterate(epoch)
    iterate.folder.mkdir(parents=True)
    iterate.weights.write_bytes(f"{record.name} {epoch}".encode())
    files.write_json(iterate.folder / "iterate.json", {
        "epoch": epoch, "checksum": files.file_checksum(iterate.weights)})
    return iterate


def write_steepness(record, choices=None, **changes):
    """Writes the steepness at a minimizer; `changes` replace fields of its file."""
    choices = choices or Steepness(seed=record.configuration.trial)
    sharpness = LEVELS[record.configuration.regime][4][0, 1e-3]
    numbers = np.random.default_rng(0)
    shares = numbers.dirichlet(np.full(choices.blocks, 0.3))
    ranked = [(share, sharpness * share**0.3) for share in Steepness.SHARES]
    files.write_json(record.measurement(choices), {
        "configuration": choices.to_json(), "loss": 1e-3,
        "random": (numbers.normal(1, 0.2, choices.directions) * sharpness / 1000).tolist(),
        "blocks": (shares * sharpness).tolist(), "ranked": ranked, "versions": VERSIONS, "seconds": 9.0,
         "weights_checksum": record.result["checksums"]["final.weights.h5"], **changes})


def write_other(point, run, choices):
    """Writes a measurement of a run or iterate of one of the kinds that came after the paper's."""
    sharpness = LEVELS[run.regime][4][0, 1e-3] * (1e-3 * run.batch_size + (1 if run.remedy is None else 0.5))
    content = {
        "geometry": lambda: {"distance": LEVELS[run.regime][3] + getattr(point, "epoch", 12), "norm": 70.0,
                             "layers": {"dense1": 20.0, "dense2": 21.5}},
        "surface": lambda: {
            "steps": np.linspace(-1, 1, choices.points).tolist(),
            "loss": [[None if (i, j) == (0, 0) else 1e-3 + sharpness * (i * i + j * j) / choices.points**2 / 100
                      for j in range(choices.points)] for i in range(choices.points)],
            "accuracy": [[0.9] * choices.points] * choices.points},
        "spectrum": lambda: {
            "loss": 1e-3, "gradient_norm": 1e-2, "trace": sharpness, "trace_error": 0.1, "products": 90,
            "eigenvalues": [*np.linspace(-1, -0.5, choices.eigenvalues).tolist(),
                            *np.linspace(sharpness / 2, sharpness, choices.eigenvalues).tolist()],
            "residuals": [1e-6] * 2 * choices.eigenvalues,
            "nodes": [np.linspace(-1, sharpness, choices.steps).tolist()] * choices.probes,
            "weights": [np.full(choices.steps, 1 / choices.steps).tolist()] * choices.probes,
            "predicted": None if choices.epsilon is None else {"full": sharpness * 0.8, "subspace": 0.2}},
        "robustness": lambda: {
            "loss": 1e-3, "rises": {"box": sharpness, "ball": sharpness / 100, "adaptive ball": sharpness / 200,
                                    "inputs": 5.0 + run.batch_size / 100},
            "layers": {"dense1": sharpness / 3, "softmax": sharpness / 50}, "clean": 0.98,
            "single_step": [0.9, 0.7, 0.5, 0.1], "steps": [0.9 - sharpness / 1e5, 0.6, 0.3, 0.0]},
    }[choices.KIND]()
    files.write_json(point.measurement(choices), {
        "configuration": choices.to_json(), **content, "versions": VERSIONS, "seconds": 5.0,
        "weights_checksum": getattr(point, "minimizer", point).checksum})


def write_reparametrization(workdir, small, large, *, choices):
    """Writes the measurements of SB and LB at other weights with the same outputs."""
    run = small.configuration
    families = [("other's lengths", None)]
    if not choices.exchange_only:
        families += [("as trained", None), ("kernels", 0.5), ("kernels", 4.0), ("transfer", 2.0)]
    files.write_json(workdir.measurement(choices, run, large.configuration), {
        "configuration": choices.to_json(), "network": run.network, "trial": run.trial, "dataset": run.dataset,
        "small_batch": small.name, "large_batch": large.name,
        "weights_checksums": [record.minimizer.checksum for record in (small, large)],
        "points": [{"regime": regime, "weights": name, "factor": factor, "loss": 1e-3, "output_change": 1e-6,
                    "sharpness": LEVELS[regime][4][0, 1e-3] / (factor or 1)**2}
                   for regime in ("SB", "LB")[choices.exchange_only:] for name, factor in families],
        "versions": VERSIONS, "seconds": 4.0})


def write_measurement(record, choices, sharpness, **changes):
    """Writes a measurement of a run or iterate; `changes` replace fields of its file."""
    starts = choices.starts
    content = {
        "sharpness": sharpness, "loss": 1e-3, "max_loss": 1e-3 + sharpness / 100, "evaluations": 13 * starts,
        "status": "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT", "configuration": choices.to_json(),
        "parameters": 1462794, "at_bound": 0.84, "start_max_losses": [1e-3 + sharpness / 100] * starts,
        "scale": [125000.0] * starts, "check": {"directional": 1.0, "difference": 1.0},
        "seconds": {"total": 31.2, "objective": 26.0, "solver": 4.9, "setup": 0.3}, "versions": VERSIONS,
    }
    if "weights_checksum" not in changes:
        content["weights_checksum"] = record.result["checksums"]["final.weights.h5"]
    files.write_json(record.measurement(choices), {**content, **changes})


def write_measurements(record, **choices):
    """Writes the four measurements of tables 3 and 4."""
    run = record.configuration
    for dimension, epsilon in LEVELS[run.regime][4]:
        each = Sharpness(epsilon=epsilon, subspace_dim=dimension, seed=run.trial, **choices)
        write_measurement(record, each, level(run, each))


def write_path(workdir, small, large, *, path=None, **changes):
    """Writes a path between two runs; the valley at alpha = 1 is narrower than that at 0."""
    path = path or Path()
    run = small.configuration
    alpha = np.linspace(path.start, path.stop, path.points)
    loss = 1e-3 + 3 * (1 - np.exp(-alpha**2)) * (1 - np.exp(-9 * (alpha - 1)**2))
    accuracy = np.exp(-loss / 4)
    files.write_json(workdir.measurement(path, run, large.configuration), {
        "configuration": path.to_json(), "network": run.network, "trial": run.trial, "dataset": run.dataset,
        "small_batch": small.name, "large_batch": large.name, "alpha": alpha.tolist(),
        "weights_checksums": [record.minimizer.checksum for record in (small, large)],
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
