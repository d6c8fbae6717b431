"""The page in a browser: nothing is wider than the window."""

import re
import shutil
import subprocess

import pytest

from replication.report import make_report
from tests.report.fixtures import other, paper_run, write_run

CHROMIUM = shutil.which("chromium")

@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")
@pytest.mark.parametrize("width", [1200, 400])
def test_no_horizontal_overflow(paper_workdir, tmp_path, width):
    write_run(paper_workdir, other(paper_run("SB", 0), epochs=3), stop="x" * 400)
    make_report(paper_workdir)
    page = paper_workdir.page.read_text().replace("<details", "<details open")
    # Headless windows have a least width; a frame has any.
    (tmp_path / "page.html").write_text(page)
    (tmp_path / "frame.html").write_text(
        f"<iframe src='page.html' style='width:{width}px;height:800px;border:0'></iframe>"
        "<script>addEventListener('load', () => { const d = document.querySelector('iframe').contentDocument"
        ".documentElement; document.title = `${d.scrollWidth} ${d.clientWidth}` })</script>")
    result = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--user-data-dir={tmp_path / 'profile'}", "--allow-file-access-from-files",
         "--window-size=1400,900", "--dump-dom", f"file://{tmp_path}/frame.html"],
        capture_output=True, text=True, timeout=120)
    needed, available = map(int, re.search(r"<title>(\d+) (\d+)</title>", result.stdout).groups())
    assert needed <= available <= width
