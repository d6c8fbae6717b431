"""Flags that choose a part of the replication."""

from absl import flags

from replication import configuration, experiments

_PRESET = flags.DEFINE_string(
    "preset", "quick", "quick: small runs on embedded data, in minutes; paper: the paper's own set-up.")
_NETWORKS = flags.DEFINE_list("networks", None, "Networks of table 1, separated by commas; by default the preset's.")
_EXPERIMENTS = flags.DEFINE_list(
    "experiments", None, "Tables and figures, separated by commas; by default all: " + ", ".join(experiments.names()))
_TRIALS = flags.DEFINE_integer("trials", None, "Trials of each network and regime; by default the preset's (paper: 5).")
_ARCHITECTURE = flags.DEFINE_string(
    "architecture", None, "Of C1 to C4: released (the default; the authors' code) or text (the paper's appendix B). "
    "Goes with --networks that have both.")
_JIT_COMPILE = flags.DEFINE_enum(
    "jit_compile", "auto", ["auto", "on", "off"],
    "Whether XLA compiles the training step; auto: what was measured for the network and the device.")


def chosen_experiments():
    """The modules of the experiments asked for.

    Raises:
        UserError: one is unknown.
    """
    return [experiments.get(name) for name in _EXPERIMENTS.value or experiments.names()]


def setup(resolve_jit_compile, describe):
    """The `experiments.Setup` that the flags describe.

    Args:
        resolve_jit_compile: Function from the flag's "auto", "on" or "off" and a network's name to a
            truth value.
        describe: Function from a data set's name to its `configuration.Dataset` with nothing left open.

    Raises:
        UserError: a name is unknown, a number out of range, or one of the networks has no such choice.
    """
    configuration.require_name("preset", _PRESET.value, configuration.PRESETS)
    preset = configuration.PRESETS[_PRESET.value]
    networks = tuple(_NETWORKS.value or preset.networks)
    for network in networks:
        configuration.require_name("network", network, configuration.NETWORKS)
        configuration.NETWORKS[network].resolve_architecture(_ARCHITECTURE.value)
    trials = preset.trials if _TRIALS.value is None else _TRIALS.value
    configuration.require(trials >= 1, "trials", trials, "a whole number of at least 1")
    return experiments.Setup(preset=preset, networks=networks, trials=trials, architecture=_ARCHITECTURE.value,
                             describe=describe,
                             jit_compile=lambda network: resolve_jit_compile(_JIT_COMPILE.value, network))
