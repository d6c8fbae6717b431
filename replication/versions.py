"""The versions and the machine that a record names beside its numbers."""

import importlib.metadata
import os
import platform

_PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "tensorflow-datasets", "scikit-learn", "matplotlib")


def versions():
    """Python's version and those of the packages that numbers depend on."""
    installed = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            installed[package] = "not installed"
    return installed


def machine():
    """Operating system, processor architecture and number of processors, as strings and numbers."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processors": os.cpu_count(),
    }
