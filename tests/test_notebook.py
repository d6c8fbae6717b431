"""The notebook runs as it stands, and prints what it shows."""

import json
import re

from tests import scripts
from tests.scripts import ROOT

# A quarter of the images: the words are the same.
_ON_A_PART = """
import dataclasses
from replication import data

_load = data.load


def _part(*arguments):
    found = _load(*arguments)
    return dataclasses.replace(found, train_inputs=found.train_inputs[:1000], train_labels=found.train_labels[:1000])


data.load = _part
"""

def test_the_cells_run_in_order(tmp_path):
    """Numbers differ between machines in their last digits; the words around them do not."""
    notebook = json.loads((ROOT / "docs" / "measure_your_model.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    shown = "".join("".join(output["text"]) for cell in cells for output in cell["outputs"])
    program = tmp_path / "notebook.py"
    program.write_text("\n\n".join([_ON_A_PART, *("".join(cell["source"]) for cell in cells)]), encoding="utf-8")
    finished = scripts.program(program, tmp_path)
    assert finished.returncode == 0, finished.stderr

    def words(text):
        return re.sub(r"[\d.e+-]+", "#", text)

    assert words(finished.stdout) == words(shown)
    single, double = re.search(r"float32 (\S+) %, float64 (\S+) %", finished.stdout).groups()
    assert abs(float(single) / float(double) - 1) < 1e-3
