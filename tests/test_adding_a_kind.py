"""A kind of measurement is three modules: its choices, its computation and its experiment."""

import json
import shutil

from tests.scripts import ROOT, program

CHOICES = '''
"""The choices of a measurement of the gradient's length."""

import dataclasses
import typing

from replication.configuration.measurements.base import Measurement
from replication.errors import is_finite
from replication.fields import one_of, whole


@dataclasses.dataclass(frozen=True)
class GradientNorm(Measurement):
    """The choices of one measurement of the length of the gradient of f."""

    KIND: typing.ClassVar[str] = "gradient_norm"
    COMPUTATION: typing.ClassVar[str] = "replication.landscape.gradient_norm"
    statistics: str = one_of(("batch", "moving"), "batch", "Statistics of batch normalization.")
    batch_size: int = whole(5000, "Upper bound of a batch.", at_least=1)

    def record_name(self, *runs):
        return self.digest()

    def passes(self, dataset):
        return 1

    def check(self, content):
        return None if is_finite(content.get("norm")) else "norm"
'''
COMPUTATION = '''
"""The length of the gradient of f at a minimizer."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class GradientNormResult:
    """The length of the gradient, and the choices."""

    norm: float
    configuration: object

    @property
    def summary(self):
        """The result in a line."""
        return f"gradient of length {self.norm:.3g}"

    def to_json(self):
        """Returns the result as a dictionary."""
        return {"norm": self.norm, "configuration": self.configuration.to_json()}


def compute(objective, choices):
    """Computes the length of the gradient."""
    return GradientNormResult(float(np.linalg.norm(objective.value_and_gradient(objective.x)[1])), choices)
'''
EXPERIMENT = '''
"""The length of the gradient at the minimizers."""

from replication.configuration import Measure
from replication.configuration.measurements.gradient_norm import GradientNorm
from replication.experiments.base import Listing, ListingLine


def _needs(setup):
    return [Measure((setup.run(network, regime, 0),), (GradientNorm(),))
            for network in setup.networks for regime in ("SB", "LB")]


def _lines(store):
    lines = [ListingLine((run.name, item.content["norm"]), (run.name,))
             for run in store.runs for item in run.measurements["gradient_norm"]]
    return ("run", "length of the gradient"), lines


LISTING = Listing(name="gradient_norm", title="Length of the gradient", caption="It is short at a minimizer.",
                  place="Test", needs=_needs, listing=_lines)
'''
# Measures the small run of the workdir, then damages and sets aside the record of another one.
SCRIPT = '''
from replication import files, records, report
from replication.configuration import Measure, Run
from replication.configuration.measurements.gradient_norm import GradientNorm
from replication.configuration.tasks import merge
from replication.execution import estimate, execute
from replication.execution.tasks import is_done
from replication.records import damage
from replication.store import Store
from tests import drawing, networks, script_cases

report.figures.render = drawing.sparing(report.figures.render)
# What a step takes is for `tests.execution.test_estimate`.
estimate.time_steps = lambda run, optimizer: 1e-6
(code, output, errors), = script_cases.outcomes("reproduce", [
    ["--experiments=gradient_norm", "--networks=F1", "--dry_run"]])
assert code == 0 and "gradient_norm" in output, errors

workdir = records.Workdir.create("work")
run = Run(networks.TWO_LAYERS, "LB", 0, "digits", 719, epochs=1)
tasks = merge([Measure((run,), (GradientNorm(),))])
assert [task.kind for task in tasks] == ["training", "gradient_norm"]
assert execute(tasks, workdir) == [] and all(is_done(task, workdir) for task in tasks)
file = workdir.run(run).measurement(GradientNorm())
assert file.parent.name == "gradient_norm" and files.read_json(file)["norm"] > 0
assert report.make_report(workdir) == []
content = files.read_json(file)
files.write_json(file, {**content, "norm": None})
problem, = Store(workdir).problems
assert str(file) in problem and "'norm' is missing or of the wrong kind" in problem, problem
files.write_json(file, {**content, "weights_checksum": "of other weights"})
assert [path.parent.name for path in damage.set_aside(workdir)] == ["gradient_norm"]
assert not is_done(tasks[1], workdir) and execute(tasks, workdir) == [] and is_done(tasks[1], workdir)
'''


def test_a_kind_of_measurement_is_three_modules(tmp_path):
    for name in ("replication", "models", "flags"):
        shutil.copytree(ROOT / name, tmp_path / name)
    package = tmp_path / "replication"
    (package / "configuration" / "measurements" / "gradient_norm.py").write_text(CHOICES.lstrip())
    (package / "landscape" / "gradient_norm.py").write_text(COMPUTATION.lstrip())
    (package / "experiments" / "gradient_norm.py").write_text(EXPERIMENT.lstrip())
    (tmp_path / "main.py").write_text(SCRIPT)
    process = program(tmp_path / "main.py", tmp_path, project=tmp_path)
    assert process.returncode == 0, process.stderr
    (record,) = (tmp_path / "work" / "runs").glob("*/gradient_norm/*.json")
    listed = json.loads((tmp_path / "work" / "tables" / "gradient_norm.json").read_text())
    assert listed["lines"] == [{"run": record.parents[1].name, "length of the gradient": json.loads(
        record.read_text())["norm"], "runs": record.parents[1].name}]
