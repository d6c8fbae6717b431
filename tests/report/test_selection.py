"""What enters the paper's tables 2, 3, 4 and figure 3, and what must not."""

import pytest

from replication import experiments, remedies
from replication.configuration import Distribution, Start
from replication.report import make_report
from replication.store import Store
from tests.report import fixtures
from tests.report.fixtures import other, paper_run, write_run

SB, LB = paper_run("SB", 0), paper_run("LB", 0)
OTHERS = {
    "optimizer": other(LB, optimizer="sgd", learning_rate=0.01),
    "remedy": other(LB, remedy=remedies.Conservative()),
    "remedied SB": other(SB, remedy=remedies.SharpnessAware()),
    "start": other(LB, start=Start(SB.name, 3)),
    "precision": other(LB, precision="mixed_bfloat16"),
    "grid": other(SB, regime="grid", batch_size=1024),
    "grid with SB's batch": other(SB, regime="grid", epochs=100),
    "batch size of SB": other(SB, batch_size=128),
    "batch size of LB": other(LB, batch_size=5000),
    "learning rate": other(LB, learning_rate=0.01),
    "epochs": other(LB, epochs=20),
    "max_epochs": other(SB, max_epochs=50),
    "patience": other(LB, patience=3),
    "statistics": other(LB, statistics="moving"),
    "evaluation batch size": other(LB, evaluation_batch_size=1000),
    "dropout": other(paper_run("LB", 0, network="C1"), dropout=0.0),
    "distribution": other(LB, distribution=Distribution(2)),
    "deterministic": other(SB, deterministic=True),
}


def papers_files(workdir):
    """The bytes of tables 2, 3 and 4 and of figure 3, by name."""
    files = [*workdir.tables.glob("table[234].*"), *workdir.figures.glob("figure3-*")]
    return {path.name: path.read_bytes() for path in files}


def add(workdir, run):
    """Writes a run with everything that tables 2, 3 and 4 and figure 3 show of a run."""
    record = write_run(workdir, run)
    fixtures.write_measurements(record)
    if run.regime == "LB":
        fixtures.write_path(workdir, workdir.run(SB), record)


def shown(workdir):
    """The rows of tables 2, 3 and 4 and the plots of figure 3."""
    store = Store(workdir)
    return [experiments.tables()[number].rows(store) for number in (2, 3, 4)], experiments.get("figure3").axes(store)


@pytest.mark.parametrize("run", OTHERS.values(), ids=OTHERS)
def test_another_run_is_in_none_of_the_papers_tables(paper_workdir, run):
    before = shown(paper_workdir)
    add(paper_workdir, run)
    assert shown(paper_workdir) == before


def test_other_runs_change_no_byte_of_the_papers_tables(paper_workdir):
    assert make_report(paper_workdir) == []
    alone = papers_files(paper_workdir)
    for run in OTHERS.values():
        add(paper_workdir, run)
    assert make_report(paper_workdir) == []
    assert len(alone) == 15 and papers_files(paper_workdir) == alone
    page = paper_workdir.page.read_text()
    assert all(run.name in page for run in OTHERS.values())
