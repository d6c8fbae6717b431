"""The report as a whole, drawn from the records of a workdir."""

import html.parser
import json
import re
import shutil
import subprocess
import sys

import pytest

from replication import catalog, configuration, experiments, records, remedies
from replication.configuration import presets
from replication.report import figures, make_report, verify
from replication.report.figures import render
from replication.store import Store
from tests.report import fixtures
from tests.report.fixtures import other, paper_run, write_run

HOSTILE = '<script>alert("x")</script> & <b>'


def contents(workdir):
    folders = (workdir.tables, workdir.figures, workdir.page.parent)
    return {path.relative_to(workdir.path): path.read_bytes()
            for folder in folders for path in sorted(folder.rglob("*")) if path.name != ".lock"}


def test_everything_is_drawn(drawn_paper):
    assert {path.name for path in contents(drawn_paper)} >= {
        *(f"{name}.{extension}" for name in ("table2", "table3", "table4", "table6", "table7", "distances")
          for extension in ("csv", "json", "md", "tex")),
        *(f"{name}-F1.{extension}" for name in ("figure2", "figure3", "performance")
          for extension in ("png", "pdf", "svg")),
        "index.html"}


def test_what_a_killed_drawing_has_left_is_removed(paper_workdir):
    left = [folder / ".partial-x-file" for folder in (paper_workdir.tables, paper_workdir.figures,
                                                      paper_workdir.page.parent)]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    make_report(paper_workdir)
    assert not any(path.exists() for path in left)


def test_the_quick_set_up_shows_every_table_figure_and_listing(drawn_workdir):
    page = drawn_workdir.page.read_text()
    assert "Nothing to show" not in page and not re.search(r"<tbody>\s*</tbody>", page)
    # The paper's come first, whatever their names.
    sections = re.findall(r'<section id="(\w+)">', page)
    assert sections.index("distances") < sections.index("remedies") < sections.index("matched")
    assert ">Figure 3</a>" in page and ">Choice effects</a>" in page
    assert_well_formed(page)
    left_out = set(presets.PRESETS["quick"].left_out)
    further = re.sub("<.*?>", "", page.split("Not made yet")[1].split("</code>")[0]).strip()
    assert set(further.removeprefix("--experiments=").split(",")) == left_out
    for name in set(experiments.figures()) - left_out:
        assert list(drawn_workdir.figures.glob(f"{name}-*.pdf")), name
    for name in set(experiments.listings()) - left_out:
        assert len(json.loads((drawn_workdir.tables / f"{name}.json").read_text())["lines"]) >= 2, name
    entries, _ = verify(drawn_workdir)
    present = {(entry.table, entry.network) for entry in entries if entry.ours}
    assert present == {(number, network) for number in (2, 3, 4) for network in ("F1", "C1")} | {(6, "C1"), (7, "C1")}
    assert not [entry for entry in entries if (entry.table, entry.network) in present and not entry.ours]
    head = " ".join(page.split())
    assert "4 runs have the set-up of the preset <i>quick</i>" in head
    assert "15 runs are variants of the plain SB and LB; the list of runs tells how each differs." in head


def test_redrawing_gives_the_same_bytes_and_needs_neither_tensorflow_nor_pyplot(drawn_workdir):
    first = contents(drawn_workdir)
    for folder in (drawn_workdir.tables, drawn_workdir.figures, drawn_workdir.page.parent):
        shutil.rmtree(folder)
    code = ("import sys; from replication import records, report; from tests import drawing; "
            "report.figures.render = drawing.sparing(report.figures.render); "
            f"workdir = records.Workdir.open({str(drawn_workdir.path)!r}); "
            "report.make_report(workdir); report.verify(workdir); "
            "print({'tensorflow', 'keras', 'models', 'matplotlib.pyplot'} & set(sys.modules))")
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout == "set()\n"
    assert contents(drawn_workdir) == first


def test_what_no_record_supports_is_removed(paper_workdir):
    make_report(paper_workdir)
    (paper_workdir.figures / "mine.png").write_bytes(b"mine")
    for run in (paper_run("LB", trial) for trial in range(3)):
        shutil.rmtree(paper_workdir.run(run).folder)
    make_report(paper_workdir)
    assert {path.name for path in paper_workdir.figures.iterdir()} == {
        "mine.png", "figure2-F1.png", "figure2-F1.pdf", "figure2-F1.svg"}
    assert not list(paper_workdir.tables.glob("distances.*"))


def test_without_a_finished_run_there_is_a_page(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    assert make_report(workdir) == []
    assert "no finished run" in workdir.page.read_text()


def test_a_network_of_the_users_own_is_on_the_page(tmp_path, monkeypatch):
    monkeypatch.setitem(catalog.NETWORKS, "W1", catalog.Network("W1", "digits", input_shape=(64,), classes=10))
    workdir = records.Workdir.create(tmp_path / "work")
    for regime, size in (("SB", 16), ("LB", 144)):
        run = configuration.Run(network="W1", regime=regime, trial=0, dataset="digits", batch_size=size)
        fixtures.write_measurements(write_run(workdir, run))
    assert make_report(workdir) == []
    page = workdir.page.read_text()
    assert_well_formed(page)
    assert "there is no finished run" not in page and "W1 is not in the paper" in page
    assert "the paper’s data set" not in page
    row, = re.findall(r'<th scope="row">W1<small>.*?</tr>', page.split('id="table2"')[0], re.DOTALL)
    assert "0.22 (1) · –" in row and "not judged" in row and "not the paper’s data" in row
    assert "| W1" in (workdir.tables / "table2.md").read_text()


def test_each_run_behind_a_figure_is_linked_under_it(drawn_workdir):
    store, page = Store(drawn_workdir), drawn_workdir.page.read_text()
    for name, figure in experiments.figures().items():
        plots = figure.axes(store)
        assert all(bool(plot.runs) != (name == "tradeoff") for plot in plots), name
        if name in presets.PRESETS["quick"].left_out:
            assert not plots and f'<section id="{name}">' not in page
            continue
        (section,) = re.findall(f'<section id="{name}">.*?</section>', page, re.DOTALL)
        captions = re.findall("<figcaption>.*?</figcaption>", section, re.DOTALL)
        assert [tuple(re.findall('href="#([^"]+)"', caption)) for caption in captions] == [
            plot.runs for plot in plots], name
    for text in (">SB 0</a>", ">from epoch 4</a>", ">batches of 24</a>"):
        assert text in page


def test_a_column_of_runs_is_there_where_a_line_has_runs(drawn_workdir):
    page = drawn_workdir.page.read_text()
    for name in set(experiments.listings()) - set(presets.PRESETS["quick"].left_out):
        (section,) = re.findall(f'<section id="{name}">.*?</section>', page, re.DOTALL)
        assert (">runs</th>" in section) != (name in ("searches", "paper_correlation")), name
        assert len({row.count("</th>") + row.count("</td>") for row in section.split("<tr>")[1:]}) == 1


def test_what_has_no_figure_and_no_listing_stands_in_the_list_of_runs(paper_workdir):
    """As docs/verdicts.md says of SB with another optimizer or remedy, and of mixed precision."""
    sgd, sam, half = (write_run(paper_workdir, run).name for run in (
        other(paper_run("SB", 0), optimizer="sgd", learning_rate=0.01),
        other(paper_run("SB", 0), remedy=remedies.SharpnessAware()),
        other(paper_run("LB", 0), precision="mixed_bfloat16")))
    make_report(paper_workdir)
    store = Store(paper_workdir)
    shown = {name for listing in experiments.listings().values() for line in listing.listing(store)[1]
             for name in line.runs}
    shown |= {name for figure in experiments.figures().values() for plot in figure.axes(store) for name in plot.runs}
    assert paper_run("SB", 0).name in shown and not {sgd, sam, half} & shown
    page = paper_workdir.page.read_text()
    assert all(page.count(f'href="#{name}"') == 1 for name in (sgd, sam, half))


def test_hostile_text_is_escaped(paper_workdir):
    run = other(paper_run("LB", 0), learning_rate=10.0)
    record = paper_workdir.run(run)
    record.start({"configuration": run.to_json(), "data": {}})
    record.fail(HOSTILE)
    write_run(paper_workdir, other(paper_run("SB", 0), epochs=3), stop=HOSTILE)
    make_report(paper_workdir)
    page = paper_workdir.page.read_text()
    assert "<script" not in page and page.count("&lt;script&gt;") == 2


class Links(html.parser.HTMLParser):
    """Collects what a page refers to, and which elements are left open."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.links, self.ids, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.loaded += [attributes[name] for name in ("src", "srcset") if name in attributes]
        self.loaded += [attributes["href"]] if tag == "link" else []
        self.links += [attributes["href"]] if tag == "a" else []
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag not in ("meta", "img", "source", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def assert_well_formed(page):
    """Every element is closed, and every link within the page has its target. Returns the `Links`."""
    links = Links(page)
    assert not links.open
    assert {link[1:] for link in links.links if link.startswith("#")} <= set(links.ids)
    assert len(links.ids) == len(set(links.ids))
    return links


def test_page_is_self_contained_and_well_formed(drawn_paper):
    page = drawn_paper.page.read_text()
    links = assert_well_formed(page)
    assert len(links.loaded) == 6
    assert all(link.startswith("data:image/svg+xml;base64,") for link in links.loaded)
    assert {link for link in links.links if not link.startswith("#")} == {"https://arxiv.org/abs/1609.04836"}
    assert "url(" not in page and "@import" not in page and "<script" not in page


def test_page_tells_of_every_run(drawn_paper):
    page = drawn_paper.page.read_text()
    for run in (paper_run(regime, trial) for regime in ("SB", "LB") for trial in range(3)):
        assert run.name in page
    for fact in ("the training loss ceased to improve", "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT", "f00d",
                 "2.21.0", "84.00 %", "1.25e+05", "preset <i>paper</i>", "4.36"):
        assert fact in page


def test_verify_on_the_papers_data(drawn_paper):
    entries, _ = verify(drawn_paper)
    found = {(entry.table, entry.name): entry.verdict for entry in entries if entry.network == "F1"}
    assert found[2, "test_gap"] == found[3, "eps1e-3_ratio"] == found[4, "eps1e-3_ratio"] == "replicated"
    assert found[4, "eps5e-4_LB"] == "not judged" and found[7, "conservative_gap"] == "missing"
    page = " ".join(drawn_paper.page.read_text().split())
    assert "Of F1’s 4 endpoints, 4 are decided in favour of the paper, 0 against it, and 0 undecided" in page
    assert 'of its 8 <a href="#rules">gates</a>, 8 hold, 0 fail and 0 are undecided' in page


def test_tables_use_the_statistics_of_the_configuration(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    write_run(workdir, fixtures.free_run("SB", 1, statistics="moving"))
    entries, _ = verify(workdir)
    assert next(e for e in entries if e.name == "test_SB" and e.ours).ours.mean == pytest.approx(97.94)


def test_figure_files_have_their_formats_and_no_date(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "render", render)
    workdir = records.Workdir.create(tmp_path)
    for regime in ("SB", "LB"):
        write_run(workdir, paper_run(regime, 0))
    assert make_report(workdir) == []
    for extension, begin in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
        content = (workdir.figures / f"figure2-F1.{extension}").read_bytes()
        assert content.startswith(begin)
        assert not re.search(rb"CreationDate|<dc:date>|tIME|\b20[2-9]\d-\d\d-\d\d", content)


def test_fixture_is_quick(quick_workdir):
    """F1 alone may have been trained by another preset, which trains it in the same way."""
    make_report(quick_workdir)
    page = quick_workdir.page.read_text()
    assert "presets <i>quick and tour</i>" in page and "not the paper’s data" in page
    assert "C2 and C4 are left out" not in page and fixtures.quick_run("SB", 1).name in page
    write_run(quick_workdir, fixtures.quick_run("SB", 0, network="C1"))
    make_report(quick_workdir)
    page = quick_workdir.page.read_text()
    assert "preset <i>quick</i>" in page and "C2 and C4 are left out: they pool five times" in page


def test_runs_on_data_of_no_preset_are_no_variants(tmp_path):
    workdir = records.Workdir.create(tmp_path / "work")
    for regime in ("SB", "LB"):
        write_run(workdir, fixtures.free_run(regime, 0))
    make_report(workdir)
    page = workdir.page.read_text()
    assert "plain SB and LB on data of no preset" in page and "of the plain SB and LB; the list" not in page


def test_page_calls_synthetic_data_so_and_gives_their_size(tmp_path):
    workdir = records.Workdir.create(tmp_path / "work")
    for regime, size in (("SB", 256), ("LB", 3495)):
        write_run(workdir, configuration.Run(network="F2", regime=regime, trial=0, dataset="timit_shaped",
                                             batch_size=size))
    assert make_report(workdir) == []
    page = workdir.page.read_text(encoding="utf-8")
    assert "F2 on <i>timit_shaped (synthetic)</i>\n(34,950 training examples) is not the paper’s" in page
    # Bare only where the configuration and the record of the data are listed field by field.
    assert page.replace("timit_shaped (synthetic)", "").count("timit_shaped") == 4
