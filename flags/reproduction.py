"""Flags that choose a part of the replication."""

from absl import flags

from replication import catalog, errors, experiments
from replication.configuration import presets
from replication.errors import UserError

_PRESET = flags.DEFINE_string(
    "preset", "quick", "quick: small runs on embedded data, in minutes; paper: the paper's own set-up.")
_NETWORKS = flags.DEFINE_list(
    "networks", None, "Networks of table 1, separated by commas; by default the preset's. Figures 4, 5 and 6 and what "
    "goes with them (the paper: F2 and C1) take other networks where --experiments is given as well.")
_EXPERIMENTS = flags.DEFINE_list(
    "experiments", None, "Tables and figures, separated by commas; by default all: " + ", ".join(experiments.names()))
_TRIALS = flags.DEFINE_integer("trials", None, "Trials of each network and regime; by default the preset's (paper: 5).")
_ARCHITECTURE = flags.DEFINE_string(
    "architecture", None, "Of C1 to C4: released (the default; the authors' code) or text (the paper's appendix B). "
    "Goes with --networks that have both.")
_BATCH_SIZES = flags.DEFINE_list(
    "batch_sizes", None, "Figure 4's batch sizes, separated by commas: numbers of examples, or fractions of the "
    "training set; by default the preset's.")
_WARM_START_EVERY = flags.DEFINE_integer(
    "warm_start_every", None, "Figure 5: every how many epochs of SB to start LB; by default the preset's (paper: 1).")
_DRY_RUN = flags.DEFINE_bool(
    "dry_run", False, "Only say what would run, what is done already, and about how long the rest will take.")
_REMAKE_DAMAGED = flags.DEFINE_bool(
    "remake_damaged", False, "First move what is damaged, or was made of other weights than the run's, to "
    "WORKDIR/damaged, so that it is made anew.")
_JIT_COMPILE = flags.DEFINE_enum(
    "jit_compile", "auto", ["auto", "on", "off"],
    "Whether XLA compiles the training step; auto: what was measured for the network and the device.")


def needs(setup):
    """What the experiments asked for need of an `experiments.Setup`, an `experiments.Needs`.

    Raises:
        UserError: one of them has nothing to run.
    """
    needed = {name: experiments.get(name).needs(setup) for name in _names()}
    for name in _EXPERIMENTS.value or ():
        if not needed[name].runs:
            module = experiments.get(name)
            raise UserError(f"--experiments={name}: made by `{module.COMMAND}`" if hasattr(module, "COMMAND") else
                            f"--experiments={name}: nothing to run of {', '.join(setup.networks)}; expected --networks "
                            f"among {', '.join(module.NETWORKS)}")
    return experiments.merge(needed.values())


def dry_run():
    """Whether nothing is to be run."""
    return _DRY_RUN.value


def remake_damaged():
    """Whether what is damaged is made anew.

    Raises:
        UserError: nothing is to be run.
    """
    if _REMAKE_DAMAGED.value and _DRY_RUN.value:
        raise UserError("--remake_damaged: moves files, which --dry_run does not; give one of them")
    return _REMAKE_DAMAGED.value


def _names():
    """The names of the experiments asked for; raises a UserError where there is none, or one is unknown."""
    errors.require(_EXPERIMENTS.value != [], "experiments", "", "names, separated by commas")
    for name in _EXPERIMENTS.value or ():
        experiments.get(name)
    return _EXPERIMENTS.value or experiments.names()


def setup(resolve_jit_compile, describe):
    """The `experiments.Setup` that the flags describe.

    Args:
        resolve_jit_compile: Function from the flag's "auto", "on" or "off" and a network's name to a
            truth value.
        describe: Function from a data set's name to its `catalog.Dataset` with nothing left open.

    Raises:
        UserError: a name is unknown, a number out of range, one of the networks has no such choice, or a flag is of
            a figure that is not asked for.
    """
    names = _names()
    errors.require_name("preset", _PRESET.value, presets.PRESETS)
    preset = presets.PRESETS[_PRESET.value]
    errors.require(_NETWORKS.value != [], "networks", "", "names, separated by commas")
    networks = tuple(_NETWORKS.value or preset.networks)
    for network in networks:
        errors.require_name("network", network, catalog.NETWORKS)
        catalog.NETWORKS[network].resolve_architecture(_ARCHITECTURE.value)
    trials = preset.trials if _TRIALS.value is None else _TRIALS.value
    errors.require(trials >= 1, "trials", trials, "a whole number of at least 1")
    if _WARM_START_EVERY.value is not None:
        errors.require(1 <= _WARM_START_EVERY.value <= preset.warm_start_epochs, "warm_start_every",
                           _WARM_START_EVERY.value, f"a whole number from 1 to {preset.warm_start_epochs}, the "
                           "epochs of SB")
    result = experiments.Setup(
        preset=preset, networks=networks, trials=trials, architecture=_ARCHITECTURE.value, describe=describe,
        study_networks=networks if _NETWORKS.value and _EXPERIMENTS.value else None,
        batch_sizes=_batch_sizes(), warm_start_every=_WARM_START_EVERY.value,
        jit_compile=lambda network: resolve_jit_compile(_JIT_COMPILE.value, network))
    for flag, figure in ((_BATCH_SIZES, "figure4"), (_WARM_START_EVERY, "figure5")):
        if flag.value is not None and not (figure in names and result.study_networks):
            raise UserError(f"--{flag.name}: of use with {figure} only, which is not asked for of "
                            f"{', '.join(networks)}; give --experiments={figure} as well")
    for network in result.study_networks if result.batch_sizes else ():
        for size in result.batch_sizes:
            description = result.description(network)
            catalog.require_batch_size("batch_sizes", catalog.regime_batch_size(size, description), description)
    return result


def _batch_sizes():
    """Figure 4's batch sizes, numbers of examples or fractions, or None for the preset's."""
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
    errors.require(isinstance(size, int) or errors.is_finite(size) and 0 < size < 1, "batch_sizes", text,
                       "numbers of examples, or fractions of the training set between 0 and 1")
    return size
