"""The program that the tutorial prints runs as it stands."""

import re

from tests import scripts
from tests.scripts import ROOT


def test_the_blocks_run_in_order(tmp_path):
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 7 and page.count("```") == 2 * len(blocks)
    program = tmp_path / "tutorial.py"
    program.write_text("\n\n".join(blocks), encoding="utf-8")
    finished = scripts.program(program, tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert len(list(tmp_path.glob("tutorial/tuning/*/best.json"))) == 1
    assert "sharpness" in finished.stdout and "label smoothing" in finished.stdout
    drawn = (tmp_path / "tutorial" / "report" / "index.html").read_text(encoding="utf-8")
    for run in (tmp_path / "tutorial" / "runs").iterdir():
        assert f'id="{run.name}"' in drawn
