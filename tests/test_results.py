"""The published evidence: complete, redrawable, and what the README quotes."""

import pathlib
import re
import shutil

import pytest

from replication import records
from replication.experiments import choices
from replication.report import decisions, make_report, verify
from replication.store import Store

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="module")
def redrawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "results"
    shutil.copytree(ROOT / "results", folder)
    for name in ("tables", "figures", "report"):
        shutil.rmtree(folder / name)
    workdir = records.Workdir.open(folder)
    assert make_report(workdir) == []
    return workdir


def test_tables_are_redrawn_byte_for_byte(redrawn):
    published = sorted((ROOT / "results" / "tables").iterdir())
    assert len(published) == 28
    for path in published:
        assert (redrawn.tables / path.name).read_bytes() == path.read_bytes(), path.name
    assert {path.name for path in redrawn.figures.iterdir()} == {
        path.name for path in (ROOT / "results" / "figures").iterdir()}


def test_readme_quotes_the_records(redrawn):
    """Every value of ours in the README's table is one of the tables', rounded as they round it."""
    entries, _ = verify(redrawn)
    ours = {f"{entry.ours.mean:.2f}" for entry in entries if entry.ours}
    ours |= {f"{entry.ours.mean:.2g}" for entry in entries if entry.ours}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?:test|training|sharpness)[^|]*\| ([\d.]+) \|[^|]*\| ([\d.]+) \|", readme, re.MULTILINE)
    assert len(rows) == 6
    for row in rows:
        for number in row:
            assert number in ours, number


def test_readme_tells_the_ratios_and_the_decision_of_the_records(redrawn):
    entries, _ = verify(redrawn)
    ratios = [entry for entry in entries if (entry.table, entry.kind) == (3, "ratio") and entry.ours]
    found = decisions.checks(entries)
    held = sum(check.answer == "holds" for check in found)
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert " and ".join(f"{entry.ours.mean:.0f}" for entry in ratios) + " times as sharp" in readme
    assert "(the paper: " + " and ".join(f"{entry.paper.mean:.0f}" for entry in ratios) + "," in readme
    assert f"`python -m replication.verify --workdir=results` exits with {decisions.exit_code(found)} by" in readme
    assert f"All {held} gates hold" in readme and held == 8


def test_the_claims_on_f1_hold(redrawn):
    """The large-batch minimizer is far sharper in the full space, at comparable accuracy."""
    entries = {(entry.table, entry.name): entry.ours.mean for entry in verify(redrawn)[0] if entry.ours}
    assert abs(entries[2, "test_SB"] - 98.03) <= 0.3
    assert 0.5 <= entries[3, "eps1e-3_SB"] <= 6
    assert entries[3, "eps1e-3_LB"] >= 20 * entries[3, "eps1e-3_SB"]


def test_records_hold_no_weights():
    assert not list((ROOT / "results").rglob("*.h5"))


def test_every_file_that_the_readme_and_docs_link_exists():
    for page in [ROOT / "README.md", ROOT / "BUILD.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"),
                 *ROOT.glob("benchmarks/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_readme_tells_how_far_the_open_choices_move_the_sharpness(redrawn):
    plot, = choices.effects(Store(redrawn))
    panel, = plot.panels
    labels = dict(panel.x_ticks)
    factors = {labels[round(x)]: y for series in panel.series if series.marker and series.label == "LB"
               for x, y in zip(series.x, series.y)}
    stop, solver = (max(found) / min(found) for found in (
        [factor for label, factor in factors.items() if label.startswith(name)] for name in ("stop", "solver")))
    assert f"stop and solver move LB's sharpness by factors of {stop:.0f} and {solver:.0f}" in (
        ROOT / "README.md").read_text(encoding="utf-8")
