"""Replication of Keskar et al., "On Large-Batch Training for Deep Learning" (ICLR 2017).

    from replication.sharpness import SharpnessCallback, measure_sharpness      # Metric 2.1 of a Keras model
    from replication.spectrum import density, extreme_eigenvalues, hessian, trace
    from replication.training import train          # one run, from its `configuration.Run` to a record on disk
    from replication.tuning import tune             # a search with keras-tuner
    from replication.report import make_report      # tables, figures and the page of a workdir

The scripts are `python -m replication.NAME`: prepare_data, train, measure_sharpness, plot_parametric, reproduce, tune,
make_report and verify.
"""

import importlib.util
import os
import pathlib

__version__ = "0.3.0"

# Keras reads its backend once, when it is imported, and this package needs TensorFlow. A backend that the user has
# chosen stays here; the code that needs Keras first refuses it by name.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

_spec = importlib.util.find_spec("models")
_folders = [*(_spec.submodule_search_locations or ())] if _spec else []
if not any(pathlib.Path(folder, "recomputation.py").exists() for folder in _folders):
    raise ImportError(f"the package `models` of large-batch-replication is hidden by another one "
                      f"({', '.join(_folders) or _spec and _spec.origin}); rename that one, or put it behind this "
                      "package on the path")
