"""Times the solver's own arithmetic: SciPy's compiled L-BFGS-B beside its public front end, on a quadratic.

    python -m benchmarks.solver
"""

import functools

import numpy as np
import tabulate
from absl import flags

from replication import entry, files
from replication.errors import UserError

_SIZES = flags.DEFINE_list(
    "sizes", ["1462794", "15000000"], "Numbers of variables, separated by commas (F1 and about C2).")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Number of interleaved rounds.", lower_bound=1)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file to which the results are written.")
_ITERATIONS = 10


def main(argv):
    """Measures, prints the table, and writes the results to the file of --output."""
    from benchmarks import timing
    from replication import machine

    rows = [_row(size) for size in _sizes()]
    print(tabulate.tabulate(rows, headers="keys", floatfmt=".3g", missingval="-"))
    if _OUTPUT.value:
        files.write_json(_OUTPUT.value, {"rows": rows, "machine": timing.host(), "versions": machine.versions()})


def _sizes():
    try:
        sizes = [int(text) for text in _SIZES.value]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise UserError(f"--sizes={','.join(_SIZES.value)}: expected positive whole numbers, separated by commas")
    return sizes


def _row(size):
    from benchmarks import timing
    from replication.sharpness import lbfgsb

    generator = np.random.default_rng(0)
    curvature, gradient = generator.random(size), generator.normal(size=size)

    def value_and_gradient(y):
        slope = gradient + curvature * y
        return float((gradient + slope) @ y / 2), slope

    if not lbfgsb.uses_compiled_routine():
        raise UserError("SciPy: its compiled routine is not the one that its front end calls; there is only the latter")
    times = timing.interleaved({
        name: functools.partial(solver, value_and_gradient, np.zeros(size), np.full(size, 0.5), _ITERATIONS, (0.0, 0.0))
        for name, solver in (("compiled", lbfgsb._compiled), ("public", lbfgsb._public))}, rounds=_ROUNDS.value)
    return timing.row(f"{_ITERATIONS} iterations, n = {size:,} : SciPy's front end", times["compiled"], times["public"])


if __name__ == "__main__":
    entry.run(main)
