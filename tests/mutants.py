"""Puts small faults into modules whose numbers matter, and counts how many the tests notice.

    make mutants                              # 20 faults a module, drawn at random, in a copy of the checkout
    make mutants ARGUMENTS="--each=50 sharpness/maximizer"

cosmic-ray makes the faults. A fault is noticed if the tests named here fail; survivors are printed for reading. All
faults of all modules are about 5,000, which take days.
"""

import argparse
import collections
import os
import pathlib
import random
import shutil
import sys
import tempfile

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import TestOutcome

ROOT = pathlib.Path(__file__).parent.parent
# By module of `replication`, the tests that should notice a fault in it.
TESTS = {
    "sharpness/maximizer": "tests/sharpness/test_maximizer.py tests/sharpness/test_metric.py",
    "sharpness/checks": "tests/sharpness/test_checks.py",
    "sharpness/losses": "tests/sharpness/test_losses.py tests/sharpness/test_unusual_models.py",
    "sharpness/classes": "tests/sharpness/test_losses.py tests/sharpness/test_messages.py",
    "sharpness/subspace": "tests/sharpness/test_subspace.py tests/sharpness/test_metric.py",
    "sharpness/objective": "tests/sharpness/test_objective.py tests/sharpness/test_losses.py",
    "sharpness/metric": "tests/sharpness/test_metric.py tests/sharpness/test_losses.py",
    "report/verdicts": "tests/report/test_verdicts.py",
    "report/decisions": "tests/report/test_decisions.py",
    "statistics": "tests/test_statistics.py tests/report/test_verdicts.py",
    "landscape/paths": "tests/landscape/test_paths.py",
    "landscape/steepness": "tests/landscape/test_steepness.py",
    "remedies/sam": "tests/training/test_remedies.py",
    "remedies/conservative": "tests/training/test_remedies.py",
    "remedies/stability": "tests/training/test_remedies.py",
    "remedies/adversarial": "tests/training/test_remedies.py",
    "remedies/dynamic_sampling": "tests/training/test_dynamic_sampling.py",
    "remedies/learning_rate_scaling": "tests/training/test_remedies.py",
    "remedies/ghost_normalization": "tests/training/test_remedies.py",
    "remedies/imitation": "tests/training/test_imitation.py",
    "sharpness/invariance": "tests/sharpness/test_invariance.py",
    "spectrum/estimates": "tests/spectrum/test_estimates.py",
    "spectrum/measurement": "tests/spectrum/test_hessian.py",
    "robustness/balls": "tests/robustness",
    "robustness/attacks": "tests/robustness",
    "landscape/surface": "tests/execution/test_kinds.py",
    "landscape/reparametrization": "tests/execution/test_kinds.py",
    "landscape/geometry": "tests/execution/test_kinds.py",
    "sharpness/lbfgsb": "tests/sharpness/test_lbfgsb.py",
    "sharpness/inspection": "tests/sharpness/test_reach.py tests/sharpness/test_unusual_models.py",
    "sharpness/tracing": "tests/sharpness/test_checks.py tests/sharpness/test_unusual_models.py",
    "sharpness/suitability": "tests/sharpness/test_objective.py tests/sharpness/test_messages.py",
    "sharpness/examples": "tests/sharpness/test_losses.py tests/sharpness/test_messages.py",
    "sharpness/callback": "tests/sharpness/test_callback.py",
    "spectrum/hessian": "tests/spectrum/test_hessian.py",
    "training/callbacks": "tests/training/test_stopping.py tests/training/test_stops.py tests/training/test_run.py",
    "training/batches": "tests/training/test_batches.py",
    "training/compilation": "tests/training/test_compilation.py",
    "training/model": "tests/training/test_remedies.py",
    "training/iterates": "tests/training/test_iterates.py",
    "training/state": "tests/training/test_state.py",
}
_SECONDS = 300


def faults(path):
    """Returns the faults that cosmic-ray knows for a file, in their order."""
    with use_db(":memory:") as found:
        init([path], found, {})
        return [item.mutations for item in found.work_items]


def is_noticed(fault, tests):
    """Returns whether tests fail, in the current folder, with a fault; prints a fault that survives."""
    command = f"{sys.executable} -m pytest -x -q --numprocesses=0 {tests}"
    result = mutate_and_test(fault, command, _SECONDS)
    if result.test_outcome == TestOutcome.SURVIVED:
        print(result.diff, flush=True)
    return result.test_outcome != TestOutcome.SURVIVED


def main():
    """Runs the modules that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=20, help="faults of each module, default 20")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("modules", nargs="*", default=list(TESTS))
    options = parser.parse_args()
    total = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv*", "work", "__pycache__"))
        os.chdir(copy)
        for module in options.modules:
            path = pathlib.Path("replication") / f"{module}.py"
            known = faults(path)
            chosen = random.Random(f"{options.seed} {module}").sample(known, min(options.each, len(known)))
            counts = collections.Counter(is_noticed(fault, TESTS[module]) for fault in chosen)
            total += counts
            print(f"{module}: {counts[True]} of {sum(counts.values())} noticed, of {len(known)} known", flush=True)
    print(f"all: {total[True]} of {sum(total.values())} noticed, {total[True] / sum(total.values()):.0%}")


if __name__ == "__main__":
    main()
