"""A remedy is one module: its training step, its flag, its row in the table and its range in searches come from it."""

import json
import shutil

from tests.scripts import ROOT, program

REMEDY = '''
"""Training on scaled inputs."""

import dataclasses

from replication.fields import Search, number
from replication.remedies.base import Remedy


@dataclasses.dataclass(frozen=True)
class InputScaling(Remedy):
    """Trains on the inputs times a factor."""

    NAME = "input_scaling"
    factor: float = number(0.5, "Factor on the inputs.", above=0, search=Search(0.1, 0.9))

    def learn(self, model, inputs, labels):
        return model.plain_step(self.factor * inputs, labels)
'''
# Trains plainly and with the remedy by the script, draws the table, and samples the options for a search.
SCRIPT = '''
import keras_tuner
from replication import records, report
from replication.remedies import REMEDIES
from tests import drawing, script_cases

report.figures.render = drawing.sparing(report.figures.render)
train = ["--network=S1", "--regime=LB", "--dataset=digits", "--batch_size=719", "--epochs=1", "--jit_compile=off",
         "--workdir=work"]
for code, _, errors in script_cases.outcomes("train", [
        train, [*train, "--remedy=input_scaling", "--input_scaling_factor=0.25"]]):
    assert code == 0, errors
assert report.make_report(records.Workdir.open("work")) == []
hp = keras_tuner.HyperParameters()
assert REMEDIES["input_scaling"].sample(hp, 719).factor == 0.5
assert [(each.name, each.min_value, each.max_value) for each in hp.space] == [("input_scaling_factor", 0.1, 0.9)]
'''


def test_a_remedy_is_one_module(tmp_path):
    for name in ("replication", "models", "flags"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "replication" / "remedies" / "input_scaling.py").write_text(REMEDY.lstrip())
    (tmp_path / "main.py").write_text(SCRIPT)
    process = program(tmp_path / "main.py", tmp_path, project=tmp_path)
    assert process.returncode == 0, process.stderr
    found = [json.loads(path.read_text()) for path in (tmp_path / "work" / "runs").glob("*/config.json")]
    plain, scaled = sorted(found, key=lambda content: content["configuration"]["remedy"] is not None)
    assert plain["configuration"]["remedy"] is None
    assert scaled["configuration"]["remedy"] == {"name": "input_scaling", "factor": 0.25}
    rows = [row["remedy"] for row in json.loads((tmp_path / "work" / "tables" / "remedies.json").read_text())["lines"]]
    assert len(rows) == 2 and rows[0] == "none" and rows[1].startswith("input scaling")
