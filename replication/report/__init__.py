"""Tables, figures, listings, verdicts and the page, drawn from the records of a workdir alone, without TensorFlow."""

from replication import experiments, files
from replication.report import figures, page, paper, tables, verdicts
from replication.store import Store


def make_report(workdir):
    """Writes a workdir's tables, figures and report/index.html.

    The same records give the same bytes. Figures and listings of an earlier report that no record supports any longer
    are removed.

    Args:
        workdir: A `records.Workdir`.

    Returns:
        A list with one line for each damaged record. Such records are left out; they are not changed.
    """
    with workdir.drawing():
        store = Store(workdir)
        _draw(workdir, store)
    return store.problems


def verify(workdir, numbers):
    """Compares a workdir's tables with the paper's.

    Args:
        workdir: A `records.Workdir`.
        numbers: Numbers of tables, keys of `experiments.tables()`.

    Returns:
        The judged `verdicts.Entry`s, and a list with one line for each damaged record, which is left out.
    """
    store = Store(workdir)
    tables = experiments.tables()
    return [entry for number in numbers for entry in _judged(tables[number], store)], store.problems


def _draw(workdir, store):
    judged = [(table, _judged(table, store)) for _, table in sorted(experiments.tables().items())]
    for table, entries in judged:
        _write(workdir.tables, f"table{table.number}", tables.files(table.title, entries))
    listed = [(listing, *listing.listing(store)) for listing in experiments.listings().values()]
    for listing, headings, lines in listed:
        _write(workdir.tables, listing.name, tables.listing_files(listing.name, listing.title, headings, lines=lines),
               keep=bool(lines))
    drawn = [(figure, figure.axes(store)) for figure in experiments.figures().values()]
    _write_figures(workdir.figures, [plot for _, plots in drawn for plot in plots])
    files.write_text(workdir.page, page.render(store, judged, drawn, listed=listed))


def _judged(table, store):
    return verdicts.judge(table, table.rows(store), paper.table(table.number))


def _write(folder, name, texts, *, keep=True):
    """Writes the files of a table or listing, or removes them."""
    for extension, text in texts.items():
        if keep:
            files.write_text(folder / f"{name}.{extension}", text)
        else:
            (folder / f"{name}.{extension}").unlink(missing_ok=True)


def _write_figures(folder, plots):
    names = set()
    for plot in plots:
        for extension in figures.FORMATS:
            names.add(f"{plot.name}.{extension}")
            with files.replacing(folder / f"{plot.name}.{extension}") as temporary:
                temporary.write_bytes(figures.render(plot, extension))
    for name in experiments.figures():
        for extension in figures.FORMATS:
            for path in folder.glob(f"{name}-*.{extension}"):
                if path.name not in names:
                    path.unlink(missing_ok=True)
