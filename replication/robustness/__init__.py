"""Robustness of a model: against perturbed inputs, and against perturbed weights in several sets."""

from replication.robustness.attacks import Attacks
from replication.robustness.balls import maximize_in_ball

__all__ = ["Attacks", "maximize_in_ball"]
