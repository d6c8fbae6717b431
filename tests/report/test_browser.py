"""The page in a browser: nothing is wider than the window."""

import re
import shutil
import subprocess

import pytest

from replication.report import make_report
from tests.report.fixtures import free_run, other, paper_run, quick_run, write_run

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")


def measured(tmp_path, page, expression, *, width, target=""):
    """Two whole numbers that a JavaScript expression on the page's document `d` gives, in a window of a width.

    Args:
        tmp_path: An empty folder.
        page: The HTML.
        expression: In JavaScript, an array of two numbers.
        width: Of the window, in pixels.
        target: The anchor that was followed, with its #.
    """
    # Headless windows have a least width; a frame has any.
    (tmp_path / "page.html").write_text(page)
    (tmp_path / "frame.html").write_text(
        f"<iframe src='page.html{target}' style='width:{width}px;height:800px;border:0'></iframe>"
        "<script>addEventListener('load', () => { const d = document.querySelector('iframe').contentDocument;"
        f"document.title = ({expression}).map(Math.round).join(' ') }})</script>")
    result = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--user-data-dir={tmp_path / 'profile'}", "--allow-file-access-from-files",
         "--window-size=1400,900", "--dump-dom", f"file://{tmp_path}/frame.html"],
        capture_output=True, text=True, timeout=120)
    return tuple(map(int, re.search(r"<title>(-?\d+) (-?\d+)</title>", result.stdout).groups()))


@pytest.mark.parametrize("width", [1200, 400])
def test_no_horizontal_overflow(whole_workdir, tmp_path, width):
    write_run(whole_workdir, other(quick_run("SB", 0), epochs=3), stop="x" * 400)
    make_report(whole_workdir)
    page = whole_workdir.page.read_text().replace("<details", "<details open")
    needed, available = measured(
        tmp_path, page, "[d.documentElement.scrollWidth, d.documentElement.clientWidth]", width=width)
    assert needed <= available <= width


def test_the_overview_needs_no_scrolling_in_a_window_of_1200_pixels(whole_workdir, tmp_path):
    for regime in ("SB", "LB"):
        write_run(whole_workdir, free_run(regime, 0))
        write_run(whole_workdir, free_run(regime, 0, statistics="moving", epochs=30))
    make_report(whole_workdir)
    boxes = "Math.max(...[...d.querySelectorAll('#overview .scroll')].map(box => box.{}))"
    needed, available = measured(tmp_path, whole_workdir.page.read_text(),
                                 f"[{boxes.format('scrollWidth')}, {boxes.format('clientWidth')}]", width=1200)
    assert 0 < needed <= available


def test_a_link_to_a_run_shows_its_details(paper_workdir, tmp_path):
    make_report(paper_workdir)
    name = paper_run("LB", 0).name
    other_name = paper_run("SB", 0).name
    height = "d.getElementById('{}').getBoundingClientRect().height"
    shown, closed = measured(
        tmp_path, paper_workdir.page.read_text(), f"[{height.format(name)}, {height.format(other_name)}]", width=1200,
        target=f"#{name}")
    assert shown > 5 * closed > 0


@pytest.mark.parametrize("width", [1200, 400])
def test_the_finding_is_on_the_first_screen(paper_workdir, tmp_path, width):
    """The sentence on LB beside SB ends above the lower edge of a window of 800 pixels."""
    make_report(paper_workdir)
    box = "d.querySelector('header .lead b').getBoundingClientRect()"
    top, bottom = measured(tmp_path, paper_workdir.page.read_text(), f"[{box}.top, {box}.bottom]", width=width)
    assert 0 < top < bottom < 800
