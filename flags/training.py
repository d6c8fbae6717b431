"""Flags of one training run and of its remedy."""

import os

from absl import flags

from flags import data, dataset, distribution
from flags.define import define, given, jit_compile, values
from replication import catalog, configuration, paper, records, remedies
from replication.configuration.presets import PAPER_BATCH_SIZES, SCRIPT_EPOCHS
from replication.errors import UserError, require

_JIT_COMPILE = jit_compile()
_RUN = define(
    configuration.Run, "network", "architecture", "regime", "trial", "batch_size", "epochs", "max_epochs", "patience",
    "min_improvement", "optimizer", "learning_rate", "statistics", "deterministic", "dropout", "precision",
    "kernel_initializer", "normalization_epsilon", "adam_epsilon", "training_loss", "kernel_scale",
    "without_normalization", "target_loss", "recompute", "evaluation_batch_size",
    defaults={"network": "F1", "regime": "SB", "trial": 0, "batch_size": None, "learning_rate": None})
_STOP = flags.DEFINE_enum(
    "stop", "ceased", ["ceased", "accuracy", "loss", "epochs"],
    "End of the run: ceased (the training loss ceases to improve), accuracy (the training accuracy, evaluated as in "
    "result.json, is at least the paper's mean of table 2, or the loss ceases to improve; for the paper's networks on "
    "its data), loss (the training loss is at most --target_loss, or ceases to improve), or epochs (20 epochs, as the "
    "authors' script).")
_SYNCHRONIZED = define(configuration.Distribution, "synchronized")["synchronized"]
_REMEDY = flags.DEFINE_enum(
    "remedy", None, sorted(remedies.REMEDIES), "A way of training that may help large batches (section 4 and appendix "
    "E). Options of a remedy begin with its name.")
_OPTIONS = {name: define(kind, prefix=f"{name}_", optional=True) for name, kind in remedies.REMEDIES.items()}
_WARM_START = flags.DEFINE_string(
    "warm_start", None, "RUN:EPOCH, such as F1-SB-trial0-6189c893:7: begin at that iterate of a run of --workdir "
    "(the paper's figure 5), or at its minimizer, RUN:last; by default the run begins at x_0.")
_CONFIG = flags.DEFINE_string(
    "config", None, "A record's config.json: train the same run again. It replaces all flags of the run.")
_KEEP_ITERATES = flags.DEFINE_integer(
    "keep_iterates", None, "Keep the weights every N epochs; 0: after the epochs 1, 2, 4, 8, ... and the "
    "last.", lower_bound=0)
TENSORBOARD = flags.DEFINE_bool("tensorboard", False, "Write TensorBoard's files to the run's folder logs.")

_FLAGS_OF_THE_RUN = (*_RUN.values(), _STOP, _SYNCHRONIZED, _REMEDY, _WARM_START, _JIT_COMPILE, dataset.DATASET,
                     distribution.STRATEGY, distribution.DEVICES,
                     *(holder for options in _OPTIONS.values() for holder in options.values()))


def run(resolve_jit_compile, available_devices):
    """Returns the `configuration.Run` that the flags describe.

    Args:
        resolve_jit_compile: Function from the flag's "auto", "on" or "off" and the network's name to a truth value; it
            is called once everything else is known to be valid.
        available_devices: Function to the number of GPUs of this machine.

    Raises:
        UserError: a value is out of range, --config comes with a flag of the run, or an option of a remedy is given
            without the remedy.
    """
    if _CONFIG.value is not None:
        if present := [holder.name for holder in _FLAGS_OF_THE_RUN if holder.present]:
            raise UserError(f"--{present[0]}: --config decides every choice of the run; give one or the other")
        return records.read_configuration(os.path.expanduser(_CONFIG.value))
    choices = values(_RUN)
    remedy, name = _remedy(), dataset.dataset(default=catalog.NETWORKS[choices["network"]].dataset)
    resolved = data.resolve(name)
    _check_network(choices)
    choices |= {"dataset": name, "classes": catalog.open_classes(name, resolved), "remedy": remedy, "start": _start(),
                "distribution": _distribution(available_devices)}
    if choices["batch_size"] is None:
        choices["batch_size"] = _regime_batch_size(choices["regime"], resolved)
    catalog.require_batch_size("batch_size", choices["batch_size"], resolved)
    if choices["learning_rate"] is None:
        choices["learning_rate"] = configuration.OPTIMIZERS[choices["optimizer"]]
    described = configuration.Run(**{**choices, **_stop(choices)})
    compiles = not (described.deterministic or described.distribution or remedy and not remedy.compiles)
    if _JIT_COMPILE.value == "auto" and not compiles:
        return described
    return described.with_jit_compile(resolve_jit_compile(_JIT_COMPILE.value, described.network))


def recorded_data():
    """Returns what the file of --config tells of its run's data, a `data.Data.to_json()`; None if it does not."""
    return None if _CONFIG.value is None else records.read_data(os.path.expanduser(_CONFIG.value))


def kept_schedules():
    """Returns the schedules of the iterates to keep, see `training.train`."""
    return () if _KEEP_ITERATES.value is None else (_KEEP_ITERATES.value,)


def _stop(choices):
    """Returns the choices of the `configuration.Run` that --stop stands for."""
    if choices["epochs"] is not None or _STOP.value == "epochs":
        decides = "--stop=epochs" if choices["epochs"] is None else f"--epochs={choices['epochs']}"
        for name in ("max_epochs", "patience", "min_improvement"):
            if _RUN[name].present:
                raise UserError(f"--{name}: no effect with {decides}, which decides the end of the run")
    if _STOP.present and choices["epochs"] is not None:
        raise UserError(f"--stop={_STOP.value}: decides the end of the run, as --epochs={choices['epochs']} does; give "
                        "one or the other")
    if _STOP.value == "ceased":
        return {}
    if _STOP.value == "epochs":
        return {"epochs": SCRIPT_EPOCHS}
    if _STOP.value == "loss":
        return {"stop": "loss"}
    network, regime = choices["network"], choices["regime"]
    printed = paper.table(2).get(network, {}).get(f"train_{regime}")
    if printed is None or choices["dataset"] != catalog.NETWORKS[network].dataset:
        raise UserError(f"--stop=accuracy: table 2 has no training accuracy of {network} {regime} on "
                        f"{choices['dataset']}; expected one of the paper's networks, SB or LB, on the paper's data")
    return {"stop": "accuracy", "target_accuracy": printed.mean}


def _check_network(choices):
    """Raises a UserError for initial kernels that overflow or are not used, and for options of no normalization."""
    require(1e-6 <= choices["kernel_scale"] <= 1e6, "kernel_scale", choices["kernel_scale"],
            "a number from 1e-6 to 1e6")
    for name in ("kernel_scale", "kernel_initializer"):
        if _WARM_START.value is not None and _RUN[name].present:
            raise UserError(f"--{name}={_RUN[name].value}: no effect with --warm_start, which gives the weights")
    if choices["without_normalization"]:
        present = [_RUN[name] for name in ("statistics", "normalization_epsilon") if _RUN[name].present]
        if _REMEDY.value == remedies.GhostNormalization.NAME or _OPTIONS["imitation"]["ghost"].value:
            present.append(_REMEDY)
        if present:
            raise UserError(f"--{present[0].name}={present[0].value}: no effect with --without_normalization")


def _remedy():
    options = {name: given(holders) for name, holders in _OPTIONS.items()}
    for name, found in options.items():
        if name != _REMEDY.value and found:
            raise UserError(f"--{name}_{next(iter(found))}: only valid with --remedy={name}")
    if _REMEDY.value is None:
        return None
    kind, found = remedies.REMEDIES[_REMEDY.value], options[_REMEDY.value]
    remedy = kind(**found)
    for name in kind.USED_WITH.keys() & found.keys():
        other, used = kind.USED_WITH[name]
        if getattr(remedy, other) not in used:
            raise UserError(f"--{kind.PREFIX}{name}: only valid with --{kind.PREFIX}{other}={' or '.join(used)}")
    if kind.ESSENTIAL and all(getattr(remedy, name) == getattr(kind(), name) for name in kind.ESSENTIAL):
        raise UserError(f"--remedy={kind.NAME}: changes nothing without one of "
                        f"{', '.join(f'--{kind.PREFIX}{name}' for name in kind.ESSENTIAL)}")
    return remedy


def _distribution(available_devices):
    if _SYNCHRONIZED.present and distribution.STRATEGY.value != "mirrored":
        raise UserError("--synchronized: only valid with --strategy=mirrored")
    number = distribution.number(available_devices)
    return None if number is None else configuration.Distribution(number, _SYNCHRONIZED.value)


def _start():
    if _WARM_START.value is None:
        return None
    name, _, epoch = _WARM_START.value.rpartition(":")
    require(name and (epoch.isdecimal() or epoch == "last"), "warm_start", _WARM_START.value,
            "RUN:EPOCH, such as F1-SB-trial0-6189c893:7, or RUN:last")
    return configuration.Start(name, None if epoch == "last" else int(epoch))


def _regime_batch_size(regime, dataset):
    if regime not in PAPER_BATCH_SIZES:
        raise UserError(f"--batch_size: required with --regime={regime}, which has none of its own")
    return catalog.regime_batch_size(PAPER_BATCH_SIZES[regime], dataset)
