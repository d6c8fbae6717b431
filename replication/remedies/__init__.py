"""The remedies of section 4 and appendix E, one module each, found by file name."""

import importlib
import pkgutil

from replication.remedies.base import REMEDIES, Remedy, from_json

# In the paper's order, which `--help` and the search space keep.
from replication.remedies.augmentation import Augmentation  # isort: skip
from replication.remedies.conservative import Conservative  # isort: skip
from replication.remedies.adversarial import Adversarial  # isort: skip
from replication.remedies.stability import Stability  # isort: skip
from replication.remedies.dynamic_sampling import DynamicSampling  # isort: skip
from replication.remedies.sam import SharpnessAware  # isort: skip
from replication.remedies.ghost_normalization import GhostNormalization  # isort: skip
from replication.remedies.learning_rate_scaling import LearningRateScaling  # isort: skip
from replication.remedies.imitation import Imitation  # isort: skip

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["REMEDIES", "Adversarial", "Augmentation", "Conservative", "DynamicSampling", "GhostNormalization",
           "Imitation", "LearningRateScaling", "Remedy", "SharpnessAware", "Stability", "from_json"]
