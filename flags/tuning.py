"""Flags of a search for hyperparameters."""

from flags import data, dataset
from flags.define import define, jit_compile, values
from replication import catalog, configuration

_JIT_COMPILE = jit_compile()
_SEARCH = define(
    configuration.Search, "network", "architecture", "tuner", "objective", "max_sharpness", "max_trials", "epochs",
    "validation_share", "sharpness_epsilon", "sharpness_iterations", "statistics", "seed", defaults={"network": "F1"})


def search(resolve_jit_compile):
    """Returns the `configuration.Search` that the flags describe.

    Args:
        resolve_jit_compile: Function from the flag's "auto", "on" or "off" and the network's name to a truth value; it
            is called once everything else is known to be valid.

    Raises:
        UserError: a value is out of range, or does not go with another.
    """
    name = dataset.dataset(default=catalog.NETWORKS[_SEARCH["network"].value].dataset)
    choices = {**values(_SEARCH), "dataset": name, "classes": catalog.open_classes(name, data.resolve(name))}
    configuration.Search(**choices)
    return configuration.Search(**choices, jit_compile=resolve_jit_compile(_JIT_COMPILE.value, choices["network"]))
