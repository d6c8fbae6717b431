"""Flags that choose a part of the replication and where it runs."""

import dataclasses

from absl import flags, logging

from flags import data
from flags.define import define, given, jit_compile
from replication import catalog, configuration, experiments
from replication.configuration import executors, presets
from replication.configuration.tasks import arrange
from replication.errors import UserError, is_finite, require, require_name

_JIT_COMPILE = jit_compile()
_PRESET = flags.DEFINE_enum(
    "preset", "quick", sorted(presets.PRESETS),
    "quick: small runs on embedded data, in minutes; tour: every experiment of F1, with small runs on embedded data, "
    "in 20 to 30 minutes; paper: the paper's own set-up; timit_shaped: F2 on synthetic data, with small studies.")
_NETWORKS = flags.DEFINE_list(
    "networks", None, "Networks of table 1, separated by commas; by default the preset's. Figures 4 to 6, steepness, "
    "optimizers, remedies and the experiments beyond the paper use F2 and C1, or in the preset quick C1, unless "
    "--experiments is given too.")
_EXPERIMENTS = flags.DEFINE_list(
    "experiments", None, "Tables, figures and listings, separated by commas; by default all of --preset=paper and "
    "tour, and those of --preset=quick and timit_shaped that take little time: " + ", ".join(experiments.names()) + ".")
_TRIALS = flags.DEFINE_integer(
    "trials", None, "Trials of each network and regime in tables 2 to 4; by default the preset's (the paper: 5). Other "
    "experiments have at most as many as the preset gives them, mostly one.", lower_bound=1)
_ARCHITECTURE = define(configuration.Run, "architecture")["architecture"]
_RECOMPUTE = define(configuration.Run, "recompute")["recompute"]
_BATCH_SIZES = flags.DEFINE_list(
    "batch_sizes", None, "Figure 4's batch sizes, separated by commas: numbers of examples, or fractions of the "
    "training set; by default the preset's.")
_WARM_START_EVERY = flags.DEFINE_integer(
    "warm_start_every", None, "Figure 5: start LB at every Nth epoch of SB; by default the preset's (the "
    "paper: 1).", lower_bound=1)
DRY_RUN = flags.DEFINE_bool(
    "dry_run", False, "Only print what would run, what is done already, and about how long the rest will take.")
_REMAKE_DAMAGED = flags.DEFINE_bool(
    "remake_damaged", False, "First move files that are damaged, or were made of other weights than the run's, to "
    "WORKDIR/damaged. What the experiments need is then made again.")
_EXECUTOR = flags.DEFINE_enum(
    "executor", "local", ["local", "ray"], "Where tasks run: local, on this machine; ray, on a Ray cluster.")
_LOCAL = define(executors.Local, optional=True)
_RAY = define(executors.Ray, optional=True)


def tasks(setup):
    """Returns the tasks of the experiments asked for, and the number of each one's part, see `tasks.arrange`.

    The first parts are the headline of each network; each other experiment is a part.

    Args:
        setup: An `experiments.Setup`.

    Raises:
        UserError: one of the experiments has nothing to run.
    """
    needed = {name: experiments.get(name).needs(setup) for name in _names(setup.preset)}
    for name in _EXPERIMENTS.value or ():
        if not needed[name]:
            experiment = experiments.get(name)
            raise UserError(f"--experiments={name}: made by `{experiment.command}`" if experiment.command else
                            f"--experiments={name}: nothing to run of {', '.join(setup.networks)}; expected "
                            f"--networks among {', '.join(experiment.networks)}")
    _tell_what_is_left_out(setup, needed)
    first = [task for name in experiments.HEADLINE for task in needed.pop(name, ())]
    return arrange([*([task for task in first if task.run.network == network] for network in setup.networks),
                    *needed.values()])


def _tell_what_is_left_out(setup, needed):
    """Logs the studies that the preset does not make of networks that the user has named without experiments."""
    left_out = [network for network in _NETWORKS.value or () if network not in setup.study_networks]
    if _EXPERIMENTS.value or not left_out:
        return
    alone = dataclasses.replace(setup, networks=tuple(left_out), batch_sizes=None)
    studied = dataclasses.replace(alone, study_networks=alone.networks)
    names = [name for name in needed
             if len(experiments.get(name).needs(studied)) > len(experiments.get(name).needs(alone))]
    if names:
        logging.info("not made of %s unless --experiments names it: %s", ", ".join(left_out), ", ".join(names))


def remake_damaged():
    """Returns whether damaged files are made again.

    Raises:
        UserError: nothing is to be run.
    """
    if _REMAKE_DAMAGED.value and DRY_RUN.value:
        raise UserError("--remake_damaged: moves files, which --dry_run must not do; give only one of the two")
    return _REMAKE_DAMAGED.value


def executor():
    """Returns the `executors.Local` or `executors.Ray` that the flags describe.

    Raises:
        UserError: a value is out of range, or an option is the other executor's.
    """
    if _EXECUTOR.value == "ray":
        if _LOCAL["jobs"].value is not None:
            raise UserError("--jobs: only valid with --executor=local; --ray_cpus decides how many tasks a node takes")
        return executors.Ray(**given(_RAY))
    for holder in _RAY.values():
        if holder.value is not None:
            raise UserError(f"--{holder.name}: only valid with --executor=ray")
    return executors.Local(**given(_LOCAL))


def setup(resolve_jit_compile):
    """Returns the `experiments.Setup` that the flags describe.

    Args:
        resolve_jit_compile: Function from the flag's "auto", "on" or "off" and a network's name to a truth value.

    Raises:
        UserError: a name is unknown, a number out of range, one of the networks has no such choice, or a flag belongs
            to a figure that is not asked for.
    """
    preset = presets.PRESETS[_PRESET.value]
    names = _names(preset)
    require(_NETWORKS.value != [], "networks", "", "names, separated by commas")
    networks = tuple(_NETWORKS.value or preset.networks)
    for network in networks:
        require_name("network", network, catalog.NETWORKS)
        catalog.NETWORKS[network].resolve_architecture(_ARCHITECTURE.value)
    if _RECOMPUTE.value and not any(catalog.NETWORKS[network].is_convolutional for network in networks):
        raise UserError(f"--recompute: none of {', '.join(networks)} convolves; expected C1, C2, C3 or C4")
    every = _WARM_START_EVERY.value
    require(every is None or every <= preset.warm_start_epochs, "warm_start_every", every,
            f"a whole number from 1 to {preset.warm_start_epochs}, the epochs of SB")
    result = experiments.Setup(
        preset=preset, networks=networks, trials=preset.trials if _TRIALS.value is None else _TRIALS.value,
        architecture=_ARCHITECTURE.value, describe=data.resolve,
        study_networks=networks if _NETWORKS.value and _EXPERIMENTS.value else None,
        batch_sizes=_batch_sizes(), warm_start_every=every, recompute=_RECOMPUTE.value,
        jit_compile=lambda network: resolve_jit_compile(_JIT_COMPILE.value, network))
    for flag, figure in ((_BATCH_SIZES, "figure4"), (_WARM_START_EVERY, "figure5")):
        if flag.value is not None and not (figure in names and result.study_networks):
            raise UserError(f"--{flag.name}: only valid with {figure}, which is not asked for with "
                            f"{', '.join(networks)}; give --experiments={figure} as well")
    for network in result.study_networks if result.batch_sizes else ():
        dataset = result.resolved_dataset(network)
        for size in result.batch_sizes:
            catalog.require_batch_size("batch_sizes", catalog.regime_batch_size(size, dataset), dataset)
    return result


def _names(preset):
    """Returns the names of the experiments asked for; raises a UserError if there is none, or one is unknown."""
    require(_EXPERIMENTS.value != [], "experiments", "", "names, separated by commas")
    for name in _EXPERIMENTS.value or ():
        experiments.get(name)
    return _EXPERIMENTS.value or [name for name in experiments.names() if name not in preset.left_out]


def _batch_sizes():
    """Returns figure 4's batch sizes, numbers of examples or fractions; None for the preset's."""
    if _BATCH_SIZES.value is None:
        return None
    if not _BATCH_SIZES.value:
        raise UserError("--batch_sizes: empty; expected numbers of examples, or fractions of the training set")
    return tuple(map(_batch_size, _BATCH_SIZES.value))


def _batch_size(text):
    try:
        size = float(text) if "." in text else int(text)
    except ValueError:
        size = None
    require(isinstance(size, int) or is_finite(size) and 0 < size < 1, "batch_sizes", text,
            "numbers of examples, or fractions of the training set between 0 and 1")
    return size
